#pragma once
// Fine-tuning an encoder on labelled items.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/data/labelled_items.h"
#include "harness/model/model.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"

namespace assay {

/// Puts a fresh classifier in place of the model's output, as transformers'
/// BertForSequenceClassification begins: weights normal with deviation 0.02, drawn from a generator
/// of this seed, biases zero; a pooler that is there stays, a missing one is drawn before the
/// classifier. `labels` are the names of the classes, two or more. Throws DoesNotApply for a
/// decoder, whose first token sees nothing of the text.
void add_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed);

enum class HeldOutMetric {
  kLoss,       ///< mean cross-entropy in nats
  kErrorRate,  ///< share of items with another class than the label
};

struct ClassifierTraining {
  TrainSettings loop;
  ParameterSettings parameters;
  HeldOutMetric held_out = HeldOutMetric::kLoss;
};

/// Trains on the mean cross-entropy of `train`; `dev` (may be null) is the held-out part. The model
/// is ready for inference afterwards. Throws as train() does, and UserError for items that do not
/// fit the model; std::logic_error for a model whose output reads no sequences.
TrainResult train_classifier(Model& model, const LabelledItems& train, const LabelledItems* dev,
                             const ClassifierTraining& settings, const TrainHooks& hooks = {});

struct ClassifierScore {
  double loss = 0;        ///< mean cross-entropy, nats
  double error_rate = 0;  ///< of the class with the highest score
};
/// Without gradients, `batch` items a pass.
ClassifierScore score_classifier(const Model& model, const LabelledItems& items,
                                 std::int64_t batch);

}  // namespace assay
