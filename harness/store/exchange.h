#pragma once
// A results database as JSON Lines, and back: docs/formats/database.md has the lines.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "harness/base/json.h"

namespace assay {

struct ExportCounts {
  std::int64_t plans = 0, attempts = 0;
  std::int64_t running = 0;  ///< attempts left out because they have not ended
};

/// Gives every line, without its end, to `sink`: documents, machines, metrics, plans, fingerprints,
/// then one line an attempt with all that was measured. Equal content gives equal lines, whatever
/// the numbers of its rows are. Only of one experiment where it is not empty. Throws UserError for
/// an unknown experiment and for a damaged file.
ExportCounts export_lines(const std::filesystem::path& path, const std::string& experiment,
                          const std::function<void(const Json&)>& sink);

struct ImportedLines {
  std::int64_t plans = 0, attempts = 0;              ///< new ones
  std::int64_t known_plans = 0, known_attempts = 0;  ///< that were there already
};

/// Reads what export_lines gave into a database, which is made when missing: all of the file or
/// nothing. Attempts keep their identity, machine and checksum, and the file that they came from is
/// stored with them. Throws UserError "file:line:column: ..." for what is malformed, cut off, not
/// what its checksum says, or differs from an attempt of the same identity.
ImportedLines import_lines(const std::filesystem::path& file,
                           const std::filesystem::path& database);

}  // namespace assay
