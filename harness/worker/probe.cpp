#include "harness/worker/probe.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

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

/// Ends the settling when the probe ends, however it ends.
class Settling {
 public:
  Settling(Model& model, Decisions& decisions) : model_(model) { model_.settle_with(&decisions); }
  ~Settling() { model_.settle_with(nullptr); }
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

 private:
  Model& model_;
};

class DecisionKeeper final : public Decisions {
 public:
  explicit DecisionKeeper(const Model& model) : kept(model.layers().size()) {}
  at::Tensor settle(const StepContext& step, const at::Tensor& found) override {
    at::Tensor& layer = kept[static_cast<std::size_t>(step.layer)];
    if (layer.defined()) throw std::logic_error("a layer decided twice about one token");
    layer = found.clone().view({step.batch, step.tokens, -1});
    return found;
  }
  ProbeDecisions kept;
};

class DecisionPlayer final : public Decisions {
 public:
  explicit DecisionPlayer(const ProbeDecisions& kept) : kept_(kept) {}
  at::Tensor settle(const StepContext& step, const at::Tensor& found) override {
    const at::Tensor& layer = kept_[static_cast<std::size_t>(step.layer)];
    if (!layer.defined()) throw std::logic_error("a layer decided only while decoding");
    const auto first = step.positions[0].item<std::int64_t>();
    const at::Tensor wanted = layer.narrow(1, first, step.tokens).reshape(found.sizes());
    changed_ += wanted.ne(found).sum().item<std::int64_t>();
    all_ += found.numel();
    return wanted;
  }
  [[nodiscard]] double changed_share() const {
    return all_ == 0 ? 0 : static_cast<double>(changed_) / static_cast<double>(all_);
  }

 private:
  const ProbeDecisions& kept_;
  std::int64_t changed_ = 0, all_ = 0;
};

Fingerprint fingerprint_of_pass(Model& model, Decisions& decisions) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  const Settling settling(model, decisions);
  const at::Tensor hidden = model.hidden(tokens);
  return fingerprint_of_rows(model,
                             hidden.view({kBatch, length, -1}).select(1, length - 1).contiguous());
}

}  // namespace

PassProbe probe_pass(Model& model) {
  DecisionKeeper keeper(model);
  Fingerprint fingerprint = fingerprint_of_pass(model, keeper);
  return {std::move(fingerprint), std::move(keeper.kept)};
}

SettledProbe probe_pass_again(Model& model, const ProbeDecisions& decisions) {
  DecisionPlayer player(decisions);
  Fingerprint fingerprint = fingerprint_of_pass(model, player);
  return {std::move(fingerprint), player.changed_share()};
}

SettledProbe probe_decode(Model& model, const ProbeDecisions& decisions) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  DecisionPlayer player(decisions);
  const Settling settling(model, player);
  KvCache cache(model.spec(), kBatch, length, model.dtype(), model.device());
  // A policy for prompts is another computation on purpose: then all tokens go one by one.
  const std::int64_t stride =
      model.prefill_equals_decode() ? std::max<std::int64_t>(1, length - 1) : 1;
  for (std::int64_t begin = 0; begin + stride < length; begin += stride) {
    static_cast<void>(
        model.hidden_step(tokens.slice(1, begin, begin + stride).contiguous(), cache));
  }
  const at::Tensor last = model.hidden_step(tokens.slice(1, length - 1).contiguous(), cache);
  return {fingerprint_of_rows(model, last), player.changed_share()};
}

}  // namespace assay
