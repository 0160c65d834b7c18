#pragma once
// A model while it trains: which of its parameters do, and what has to hold for that.

#include <functional>
#include <string>
#include <vector>

#include "harness/model/model.h"
#include "harness/train/adamw.h"

namespace assay {

/// Whether a parameter trains. An empty function: all do.
using ParameterChoice = std::function<bool(const Parameter&)>;
/// Its learning rate as a multiple of the others'. An empty function: 1.
using ParameterRate = std::function<double(const Parameter&)>;

struct ParameterSettings {
  ParameterChoice trains = {};
  ParameterRate rate_factor = {};
  /// Of matrices and embeddings; biases, norms and other vectors have none.
  double weight_decay = 0.01;
  bool dropout = true;  ///< as the spec says, and of LoRA linears
  /// Elements of layers' matrices that are exactly zero stay so: they get no gradient.
  bool keep_zeros = false;
};

/// From construction on the chosen parameters ask for gradients and have memory of their own, so
/// that optimizers may write to them, and blocks drop as in training. finish() makes the model fit
/// for inference again. Without it (an exception on the way) only gradients and dropout end.
class TrainedModel {
 public:
  /// Throws DoesNotApply for a model that is not in fp32, std::logic_error where nothing is chosen.
  TrainedModel(Model& model, const ParameterSettings& settings);
  ~TrainedModel();
  TrainedModel(const TrainedModel&) = delete;
  TrainedModel& operator=(const TrainedModel&) = delete;
  [[nodiscard]] const std::vector<TrainedTensor>& tensors() const { return tensors_; }
  void use_dropout(bool on);
  void finish();

 private:
  void end();
  Model& model_;
  bool dropout_;
  std::vector<TrainedTensor> tensors_;
};

/// Runs something without dropout, as a judgement of the held-out part; then turns it on again.
template <typename Work>
auto without_dropout(TrainedModel& model, Work work) {
  model.use_dropout(false);
  auto result = work();
  model.use_dropout(true);
  return result;
}

}  // namespace assay
