#pragma once
// An encoder that runs several sequences as one: made, kept, made again.

#include <string>
#include <vector>

#include "harness/method/method.h"
#include "harness/mux/mux_output.h"
#include "harness/mux/retrieval.h"
#include "methods/mux/settings.h"

namespace assay::mux_method {

/// Puts a multiplexer before the layers and a demultiplexer behind them, drawn from the seed, with
/// a fresh classifier of these labels (none: without one). Throws DoesNotApply where a method has
/// replaced the input.
void multiplex(Model& model, const MuxShape& shape, const std::vector<std::string>& labels,
               std::uint64_t seed);

/// The parts of such a model.
const mux::MuxInput& input_of(const Model& model);
const mux::Demultiplexer& demultiplexer_of(const Model& model);

/// Everything but the keys, which are never trained.
bool trains(const Parameter& parameter);

/// A retrieval head for the model, as a training starts. With a prefix it has a demultiplexer of
/// its own, as released, drawn from the seed.
mux::RetrievalTensors fresh_retrieval(const Model& model, const MuxShape& shape,
                                      std::uint64_t seed);
/// Scores [questions, vocab] of the head, about rows [groups * length, width] of a pass.
at::Tensor answers(const Model& model, const mux::RetrievalTensors& head, const at::Tensor& rows,
                   std::int64_t length, const mux::RetrievalQuestions& asked);
/// Mean loss of questions about the rows [groups * length, width] of a pass over `tokens`.
at::Tensor retrieval_loss(const Model& model, const mux::RetrievalTensors& head,
                          const at::Tensor& rows, const at::Tensor& tokens, double share);

/// plan["shape"], ["labels"]: what apply() makes the blocks from before it fills them.
Json plan_of(const MuxShape& shape, const std::vector<std::string>& labels);
void apply_multiplexed(Model& model, const Artefact& artefact);

}  // namespace assay::mux_method
