#pragma once
// What stands behind one cell, for those who compare cells.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Values of one metric in one timed process, warm-up left out.
struct ProcessSamples {
  int order = 0;  ///< place in the interleaved order of the session
  std::vector<double> values;
};

/// One metric of a cell: what it means, its summary, and the raw values where there are any.
struct MetricRecord {
  MetricDef def;
  MetricValue summary;
  std::vector<ProcessSamples> processes;  ///< in order of execution
};

/// A cell of an experiment's newest plan with the attempt that speaks for it.
struct CellRecord {
  std::string experiment, model, method, params, suite, suite_params, profile;
  std::int64_t seed = 0;
  bool random_weights = false, limited = false;
  std::string cell_key;
  std::string twin_key;  ///< of the dense cell of the same question; a dense cell's own
  Json key_doc;
  std::string status, reason;         ///< QUEUED when there is no attempt
  std::string attempt, session;       ///< empty when there is no attempt
  std::vector<MetricRecord> metrics;  ///< empty unless the status is OK
  std::vector<ItemScore> items;
  std::vector<WorkerReply::Event> remarks = {};  ///< warnings, each text once
};

/// An experiment that was copied into this database; its cells are those of experiment
/// "NAME@COMMIT".
struct Baseline {
  std::string name, commit;
  std::string experiment;  ///< what it was called in the results that it came from
  std::string saved_utc;
  [[nodiscard]] std::string stored_as() const { return name + "@" + commit; }
};

}  // namespace assay
