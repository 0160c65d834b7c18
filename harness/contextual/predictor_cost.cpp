#include "harness/contextual/predictor_cost.h"

namespace assay {

std::int64_t predictor_weights(const PredictorForm& form) {
  return form.rank * (form.inputs + form.outputs);
}

std::int64_t dejavu_weights(const PredictedModel& model, std::int64_t rank_neurons,
                            std::int64_t rank_heads) {
  const auto neurons = dejavu_form(model.width, rank_neurons, model.neurons);
  const auto heads = dejavu_form(model.width, rank_heads, model.heads);
  return model.layers * (predictor_weights(neurons) + predictor_weights(heads));
}

std::int64_t shadowllm_weights(const PredictedModel& model, std::int64_t rank,
                               std::int64_t predicted_layers) {
  const auto neurons = shadowllm_form(model.width, rank, predicted_layers * model.neurons);
  const auto heads = shadowllm_form(model.width, rank, predicted_layers * model.heads);
  return predictor_weights(neurons) + predictor_weights(heads);
}

std::int64_t dejavu_multiplications(const PredictedModel& model, std::int64_t rank) {
  return model.layers * rank * (model.width + model.heads + model.neurons);
}

std::int64_t shadowllm_multiplications(const PredictedModel& model, std::int64_t rank) {
  return rank * (model.width + model.layers * (model.heads + model.neurons));
}

}  // namespace assay
