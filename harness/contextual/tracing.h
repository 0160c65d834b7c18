#pragma once
// Traces the calibration text: one sequence after the other, to disk, and on from where a killed
// fit was.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/contextual/trace_file.h"
#include "harness/method/method.h"

namespace assay {

/// Adds a sequence, int64 [n] on the CPU, to every column.
using TraceSequence = std::function<void(const at::Tensor& tokens, TraceFile& trace)>;

/// What decides a method's traces besides tokens and model: these of its parameters.
Json traced_settings(const std::string& method, const Params& params,
                     const std::vector<std::string>& names);

/// Each sequence of the calibration text that is not in the fit's folder yet. `settings`: see
/// traced_settings(). Commits as often as trainings write checkpoints, at
/// the end and when the run is interrupted between two sequences.
///
/// The artefact's tensors are the columns, mapped: the trace is never in memory as a whole. Throws
/// MachineError for a full disk; what was committed is found by the next try. Remarks:
/// "trace_begun_anew", "trace_unwritten".
Artefact trace_calibration(const Model& model, FitContext& context, const Json& settings,
                           const TraceSequence& add);

}  // namespace assay
