#pragma once
// Traces the calibration text or items: one sequence after the other, to disk, and on from where a
// killed fit was.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/contextual/trace_file.h"
#include "harness/method/method.h"

namespace assay {

/// A window of the calibration text, or a prompt with its right answer.
struct CalibrationSequence {
  at::Tensor tokens;  ///< int64 [n], on the CPU; items differ in n
  /// The tokens from here on are those that are to be predicted: the answer's, or, of a text, all
  /// that something precedes.
  std::int64_t answer_from = 1;
};

/// Adds a sequence to every column.
using TraceSequence = std::function<void(const CalibrationSequence& sequence, TraceFile& trace)>;

/// What decides a method's traces besides tokens and model: these of its parameters.
Json traced_settings(const std::string& method, const Params& params,
                     const std::vector<std::string>& names);

/// Each sequence of the calibration text or items that is not in the fit's folder yet. `settings`:
/// see traced_settings(). Commits as often as trainings write checkpoints, at the end and when the
/// run is interrupted between two sequences.
///
/// The artefact's tensors are the columns, mapped: the trace is never in memory as a whole. Throws
/// MachineError for a full disk; what was committed is found by the next try. Remarks:
/// "trace_begun_anew", "trace_unwritten".
Artefact trace_calibration(const Model& model, FitContext& context, const Json& settings,
                           const TraceSequence& add);

}  // namespace assay
