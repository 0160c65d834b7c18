#pragma once
// Reports: a pure function of the database. Equal databases give equal bytes.

#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

/// Columns of text that goes to no terminal.
inline constexpr int kPlainWidth = 100;

struct RenderOptions {
  int width = kPlainWidth;  ///< columns of the terminal; 0 = unlimited
  bool colour = false;      ///< ANSI colours, for a terminal only
  bool wide = false;        ///< all digits of values and intervals, whole labels
};

struct Layout;

/// Report of one experiment, or of every experiment of the database, one after the other,
/// when `experiment` is empty. Throws UserError for an unknown format or experiment.
std::string render_report(const Store& store, const std::string& experiment,
                          const std::string& format, const RenderOptions& options);

/// The same rows as the table that the layout describes; include reports/layout.h. Throws UserError
/// for fields or metrics that no row has.
std::string render_report(const Store& store, const std::string& experiment, const Layout& layout,
                          const std::string& format, const RenderOptions& options);

/// The layouts that an experiment's file named, in its order. Throws UserError for an unknown
/// experiment.
std::vector<Layout> stored_layouts(const Store& store, const std::string& experiment);

/// Names of the formats, sorted.
std::vector<std::string> report_formats();
/// Extension of a format's files. Throws UserError for an unknown format.
std::string report_extension(const std::string& format);
/// The format whose files have the path's extension; "" when none has.
std::string report_format_of_path(const std::string& path);

}  // namespace assay
