#pragma once
// Rows as JSON, for lines of an export. Internal to harness/store.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/json.h"
#include "harness/store/columns.h"
#include "harness/store/connection.h"

namespace assay {

inline constexpr int kExportVersion = 1;

/// Columns of the row by name, from column number `first` on.
Json row_of(const Query& rows, const std::vector<std::string_view>& names, int first);
/// Array of the rows that one parent owns, of a table without metrics.
Json rows_json(Connection& connection, const OwnedTable& table, std::int64_t parent);
/// What is kept of a saved baseline; null for any other experiment.
Json baseline_of(Connection& connection, const std::string& experiment);

class AttemptLines {
 public:
  explicit AttemptLines(Connection& connection) : connection_(connection) {}
  /// All of a finished attempt, but for `type`; its cells in all plans, or in those of one
  /// experiment.
  Json json(std::int64_t attempt, const std::string& experiment);

 private:
  Json metric(std::int64_t id);
  /// Values by metric, in the order of tag and convention.
  Json metric_values(std::int64_t attempt);
  Json samples(std::int64_t attempt);

  Connection& connection_;
  std::map<std::int64_t, Json> metrics_;
};

}  // namespace assay
