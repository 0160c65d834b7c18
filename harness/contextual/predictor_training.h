#pragma once
// Training of predictors, as DejaVu (arXiv 2310.17157) and ShadowLLM (arXiv 2406.16635) do it, by
// train(): a killed fit goes on from its checkpoint and ends with the same bits.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

#include "harness/contextual/predictor.h"
#include "harness/contextual/predictor_labels.h"
#include "harness/contextual/predictor_quality.h"
#include "harness/contextual/training_rows.h"
#include "harness/train/trainer.h"

namespace assay {

/// What the best weights are chosen by, on the held-out rows.
enum class SelectBy {
  kLoss,    ///< the loss of training: missing and over-predicting both cost
  kRecall,  ///< as DejaVu's code: recall at one half alone, which is 1 for predicting everything
};

/// DejaVu's settings; defaults are those of its script for neurons.
struct DejaVuTraining {
  double learning_rate = 1e-3;  ///< 1e-4 for heads
  double weight_decay = 0.01;
  std::int64_t epochs = 20;  ///< at most
  std::int64_t batch = 1024;
  /// w of the loss is the mean label of the batch and this; 0 for heads.
  double negative_weight = 0.005;
  std::int64_t patience = 5;         ///< epochs without a better held-out value; 0: all epochs
  double enough_recall = 0.99;       ///< with kRecall: ends above it
  double held_out_share = 0.05;      ///< 0: nothing is held out, and the last weights are kept
  SplitBy split = SplitBy::kRandom;  ///< as released: kPosition
  SelectBy select_by = SelectBy::kLoss;
  std::uint64_t seed = 0;  ///< of the order of rows and of the split
};
DejaVuTraining dejavu_neuron_training();
DejaVuTraining dejavu_head_training();

struct DejaVuFit {
  TrainResult training = {};
  std::int64_t rows = 0;  ///< that trained
  /// At one half, of the held-out rows with the weights that were kept; no rows where none are.
  PredictionHits held_out = {};
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();
};

/// labels [rows, n] -> f32: y (1 - w) + w with w = mean(y) + negative_weight, so that an element of
/// label 1 weighs 1 and one of label 0 weighs w.
at::Tensor dejavu_element_weights(const at::Tensor& labels, double negative_weight);

/// scores (before the sigmoid) and labels [rows, n] -> mean over all elements of their weight times
/// the binary cross-entropy, f32 scalar.
at::Tensor dejavu_loss(const at::Tensor& scores, const at::Tensor& labels, double negative_weight);

/// inputs [rows, d] fp32, bf16 or fp16. Trains the predictor, dense fp32, in place from the weights
/// that it has. Throws NonFiniteValue for inputs with NaN or infinity, naming the training (the
/// hooks' name) and the row; DoesNotApply where rows are too few to hold some out, no label that is
/// trained on is 1, or, with kRecall, none that is held out; and as train() does. Few rows are
/// remarked on ("predictor_few_rows").
DejaVuFit train_dejavu(Predictor& predictor, const at::Tensor& inputs, const BinaryLabels& labels,
                       const DejaVuTraining& settings, const TrainHooks& hooks = {});

/// ShadowLLM's settings; the rate falls to 0 along a cosine, step by step.
struct ShadowTraining {
  double learning_rate = 1e-3;
  double weight_decay = 0.01;
  std::int64_t epochs = 100;
  std::int64_t batch = 32;
  double held_out_share = 0.2;  ///< looked at afterwards; the last weights are kept
  std::uint64_t seed = 0;       ///< of the order of samples and of the split
};
ShadowTraining shadow_head_training();    ///< 100 epochs of batches of 32, 80 : 20
ShadowTraining shadow_neuron_training();  ///< 20 epochs of batches of 16, 90 : 10

struct ShadowFit {
  TrainResult training;
  std::int64_t rows = 0;           ///< that trained
  std::int64_t held_out_rows = 0;  ///< the others that could be used
  /// Samples whose target is not finite: constant ones become NaN when they are scaled.
  std::int64_t left_out = 0;
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();  ///< mean squared error
  RankCorrelation held_out = {};
};

/// inputs [samples, d] and targets [samples, n], already scaled (scaling.h), fp32, bf16 or fp16.
/// Minimises the squared error. Samples with targets that are not finite are left out and remarked
/// on ("predictor_left_out"), few rows too. Throws DoesNotApply where too few samples are left; all
/// else as train_dejavu().
ShadowFit train_shadow(Predictor& predictor, const at::Tensor& inputs, const at::Tensor& targets,
                       const ShadowTraining& settings, const TrainHooks& hooks = {});

}  // namespace assay
