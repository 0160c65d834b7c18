#pragma once
// Reports: a pure function of the database. Equal databases give equal bytes.

#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

struct RenderOptions {
  int width = 0;        ///< columns of the terminal; 0 = unlimited
  bool colour = false;  ///< ANSI colours, for a terminal only
};

/// Report of one experiment, or of every experiment of the database, one after the other,
/// when `experiment` is empty. Throws UserError for an unknown format or experiment.
std::string render_report(const Store& store, const std::string& experiment,
                          const std::string& format, const RenderOptions& options);

/// Names of the formats, sorted.
std::vector<std::string> report_formats();

}  // namespace assay
