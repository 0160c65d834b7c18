#pragma once
// What reports read beside the view `results`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// Profile of results that came out of a file; no hardware profile may be called so.
inline constexpr std::string_view kImportedProfile = "imported";

/// Raw values of one metric in one process.
struct ProcessValues {
  int process = 0;                  ///< number within the cell
  int order = 0;                    ///< place in the interleaved order of the session
  std::vector<double> warmup = {};  ///< before the steady state
  std::vector<double> values = {};
};

/// One metric of one cell with all that was measured for it, processes in order of number.
struct TimedSeries {
  std::string cell_key, metric, unit;
  std::vector<ProcessValues> processes = {};
};

/// Child processes of one pass ("fit", "score", "time") behind one cell.
struct ProcessTotal {
  std::string cell_key, pass;
  std::int64_t processes = 0;
  double wall_seconds = 0, cpu_seconds = 0;  ///< sums over the processes
};

/// Where a thing that was measured comes from: a model's content, a method's source.
struct Origin {
  std::string kind, name, hash;
};

/// One value of one metric of one cell at one time.
struct HistoryPoint {
  std::string experiment;  ///< without the commit
  std::string commit;      ///< of a saved baseline; "" for results of this database
  std::string at_utc;      ///< end of the measurement
  std::string model, method, params, suite, suite_params, metric, unit, convention, profile;
  std::int64_t seed = 0;
  int direction = 0;
  double value = 0;
  std::optional<double> lo, hi;
  std::string cell_key;
  Json key_doc;  ///< what decides the value
  bool random_weights = false, limited = false;
  std::vector<std::pair<std::string, std::string>> remarks;  ///< warnings: code and text
};

}  // namespace assay
