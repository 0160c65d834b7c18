#pragma once
// Random plain blocks and their folded twins, for tests.

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <limits>
#include <random>
#include <utility>

#include "methods/tardis/fold.h"
#include "methods/tardis/tardis_ffn.h"

namespace assay {

inline at::Tensor normal_tensor(at::IntArrayRef shape, double scale, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0, scale);
  at::Tensor values = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    values.mutable_data_ptr<double>()[i] = normal(engine);
  }
  return values;
}

inline PlainFfn random_ffn(std::int64_t width, std::int64_t neurons, ActivationKind activation,
                           at::ScalarType dtype, std::uint64_t seed) {
  return {activation, normal_tensor({neurons, width}, 1 / std::sqrt(width), seed).to(dtype),
          normal_tensor({neurons}, 0.3, seed + 1).to(dtype),
          normal_tensor({neurons, width}, 1 / std::sqrt(neurons), seed + 2).to(dtype),
          normal_tensor({width}, 0.3, seed + 3).to(dtype)};
}

/// The same window and line for every neuron.
inline NeuronWindows equal_windows(std::int64_t neurons, double low, double high, double slope,
                                   double intercept) {
  const auto all = [&](double value) { return at::full({neurons}, value, at::kFloat); };
  return {all(low), all(high), all(slope), all(intercept)};
}

/// With the oracle for a predictor, so that what is chosen is known.
inline TardisFfn oracle_block(const PlainFfn& ffn, const NeuronWindows& windows,
                              const TardisPolicy& policy = {}) {
  const Folded folded = fold(ffn, windows.slope, windows.intercept);
  const auto linear = [&](const Folded& f) {
    return DenseLinear(f.weight.to(ffn.up.options()), f.bias.to(ffn.up.options()));
  };
  std::optional<DenseLinear> full;
  if (policy.needs_full_fold()) full = linear(folded);
  return TardisFfn(TardisParts{ffn, linear(folded), std::move(full),
                               NeuronPredictor({}, "", PredictorKind::kOracle, ffn), windows,
                               policy});
}

}  // namespace assay
