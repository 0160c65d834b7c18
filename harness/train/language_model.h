#pragma once
// Training a decoder, or a part of one, on a stream of tokens.

#include <cstdint>
#include <span>

#include "harness/model/model.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"

namespace assay {

struct LanguageModelTraining {
  TrainSettings loop;  ///< an item is a window
  ParameterSettings parameters;
  std::int64_t window = 256;  ///< tokens
};

/// Trains on the mean log-likelihood, negated, of each window's tokens behind its first. Windows
/// are cut one behind the other; what is left at the end of a stream has no part. `held_out` (may
/// be empty) is judged by the same number. The model is ready for inference afterwards. Throws as
/// train() does, UserError for tokens that the model does not have and streams shorter than a
/// window.
TrainResult train_language_model(Model& model, std::span<const std::int32_t> train,
                                 std::span<const std::int32_t> held_out,
                                 const LanguageModelTraining& settings,
                                 const TrainHooks& hooks = {});

/// Mean over the tokens behind the first of each row of -log p(token | those before it), nats, with
/// a graph where gradients are recorded: tokens int64 [batch, length] -> f32 scalar.
at::Tensor next_token_loss(const Model& model, const at::Tensor& tokens);

}  // namespace assay
