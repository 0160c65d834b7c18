#pragma once
// Cheap estimates of all pre-activations, which say which neurons leave their window.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "harness/method/method.h"
#include "harness/method/optimal_brain_surgeon.h"
#include "methods/tardis/plain_ffn.h"
#include "methods/tardis/traffic.h"

namespace assay {

enum class PredictorKind {
  kGptq2,    ///< the first matrix in 2 bits by GPTQ, as the paper says
  kRtn4,     ///< in 4 bits, rounded to nearest
  kLowRank,  ///< truncated, weighted by the inputs; as many bytes as kGptq2 unless a rank is given
  kOracle,   ///< the first matrix itself: no error, no gain; separates the causes of loss
};

PredictorKind predictor_kind(const std::string& name);

struct PredictorOptions {
  PredictorKind kind = PredictorKind::kGptq2;
  std::int64_t group = 128;  ///< columns that share a scale
  std::int64_t rank = 0;     ///< of kLowRank; 0: as many bytes as kGptq2 takes
  double damping = 0.01;
};

/// Its bytes, with 16-bit factors for kLowRank and kOracle, over those of a dense 16-bit block.
double predictor_bytes_share(const PredictorOptions& options, const FfnShape& shape);

/// Rank that takes the bytes of the 2-bit predictor, at least 1.
std::int64_t equal_bytes_rank(const FfnShape& shape, std::int64_t group);

/// A tensor of the artefact. Throws UserError when it is missing.
const at::Tensor& artefact_tensor(const Artefact& artefact, const std::string& name);

/// Computes what the predictor stores from the first matrix and the Hessian of its inputs, f32 on
/// the CPU, and puts it into the artefact under `name`. The oracle stores nothing.
void store_predictor(Artefact& artefact, const std::string& name, const PredictorOptions& options,
                     const at::Tensor& up, const at::Tensor& hessian, const DampingRetry& retry);

/// Estimates z. Owns its tensors, except the oracle, which shares the block's own.
class NeuronPredictor {
 public:
  /// Reads what store_predictor() stored; low-rank factors are cast to the type of ffn.up.
  NeuronPredictor(const Artefact& artefact, const std::string& name, PredictorKind kind,
                  const PlainFfn& ffn);
  /// rows [n, width] in the model's dtype -> f32 [n, neurons]. On a CPU a packed prediction of a
  /// row has the same bits whatever rows come with it.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& rows) const;
  /// Of what it holds; the oracle reads the first matrix and holds nothing.
  [[nodiscard]] Cost cost() const;
  /// The oracle's tensors are the block's own, and visited there.
  void visit_tensors(const VisitTensor& visit);
  /// Computes with the same tensors.
  [[nodiscard]] NeuronPredictor share() const;
  /// The oracle reads these from now on.
  void read_from(const PlainFfn& ffn);

 private:
  [[nodiscard]] at::Tensor predict(const at::Tensor& rows) const;
  NeuronPredictor() = default;
  at::Tensor up_, up_bias_;                 ///< of the oracle
  std::unique_ptr<Linear> first_, second_;  ///< second only for low rank
  at::ScalarType dtype_ = at::kFloat;       ///< of the rows that `first` takes
};

}  // namespace assay
