#pragma once
// Calibration sequences out of prepared items: prompts with their right answers.

#include <cstdint>
#include <vector>

#include "harness/checkpoint/vocabulary.h"
#include "harness/data/answered_items.h"
#include "harness/data/prepared_folder.h"
#include "harness/protocol/protocol.h"
#include "harness/suite/prepared.h"

namespace assay {

struct DrawnItems {
  AnsweredItems answered;
  /// "calibration_few_items", "calibration_cut_context", "calibration_spanning_token"
  std::vector<DataNote> remarks;
};

/// The first `samples` of the folder's items in the order of CPython's
/// random.Random(seed).shuffle(), all of them where there are fewer: the tokens of the right
/// answer's request, as suites score it, without those at its left end that are more than `tokens`.
/// Throws UserError for a folder as read_prepared_items() does, DoesNotApply where an answer leaves
/// no token of its context.
DrawnItems draw_calibration_items(const CalibrationRequest& request, std::uint64_t seed,
                                  const Vocabulary& vocabulary);

}  // namespace assay
