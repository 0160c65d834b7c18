#pragma once
// What another program measured, as an attempt keeps it.

#include <string>
#include <vector>

#include "harness/protocol/protocol.h"

namespace assay {

struct ImportedAttempt {
  std::vector<MetricValue> values;
  std::vector<MetricDef> definitions;  ///< of the values and samples, by tag
  /// Raw values by the process that gave them; events belong to the first process.
  std::vector<std::vector<Sample>> processes;
  std::vector<ItemScore> items;
  std::vector<WorkerReply::Event> events;
};

}  // namespace assay
