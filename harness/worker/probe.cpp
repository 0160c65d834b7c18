#include "harness/worker/probe.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "harness/base/python_random.h"
#include "harness/worker/failure.h"

namespace assay {
namespace {

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kLength = 16;
constexpr std::int64_t kPlaces = 32;
constexpr std::uint64_t kSeed = 1234;

/// int64 [2, up to 16]
at::Tensor probe_tokens(const Model& model) {
  const std::int64_t length = std::min(kLength, model.spec().max_positions);
  PythonRandom random(kSeed);
  at::Tensor tokens = at::empty({kBatch, length}, at::kLong);
  auto* values = tokens.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tokens.numel(); ++i) {
    values[i] = random.randint(0, model.spec().vocab - 1);
  }
  return tokens.to(model.device());
}

/// hidden [2, width] of the last tokens
Fingerprint fingerprint_of_rows(const Model& model, const at::Tensor& hidden) {
  const at::Tensor logits = model.logits(hidden).to(at::kCPU, at::kDouble).contiguous();
  const std::int64_t vocab = logits.size(1);
  const std::int64_t places = std::min(kPlaces, vocab);
  Fingerprint fingerprint;
  for (std::int64_t row = 0; row < logits.size(0); ++row) {
    for (std::int64_t place = 0; place < places; ++place) {
      const double value = logits.data_ptr<double>()[row * vocab + place * vocab / places];
      if (!std::isfinite(value)) {
        throw NonFiniteResult("logits", "the model's logits for the probe are not finite");
      }
      fingerprint.values.push_back(value);
    }
  }
  return fingerprint;
}

}  // namespace

Fingerprint fingerprint_of_pass(const Model& model) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  const at::Tensor hidden = model.hidden(tokens);
  return fingerprint_of_rows(model,
                             hidden.view({kBatch, length, -1}).select(1, length - 1).contiguous());
}

Fingerprint fingerprint_of_decode(const Model& model) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  KvCache cache(model.spec(), kBatch, length, model.dtype(), model.device());
  // A policy for prompts is another computation on purpose: then all tokens go one by one.
  const std::int64_t stride =
      model.prefill_equals_decode() ? std::max<std::int64_t>(1, length - 1) : 1;
  for (std::int64_t begin = 0; begin + stride < length; begin += stride) {
    static_cast<void>(
        model.hidden_step(tokens.slice(1, begin, begin + stride).contiguous(), cache));
  }
  return fingerprint_of_rows(model,
                             model.hidden_step(tokens.slice(1, length - 1).contiguous(), cache));
}

}  // namespace assay
