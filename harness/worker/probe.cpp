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

/// Ends the routing when the probe ends, however it ends.
class RoutedModel {
 public:
  RoutedModel(Model& model, RoutingHook& hook) : model_(model) { model_.route_with(&hook); }
  ~RoutedModel() { model_.route_with(nullptr); }
  RoutedModel(const RoutedModel&) = delete;
  RoutedModel& operator=(const RoutedModel&) = delete;

 private:
  Model& model_;
};

class RoutingRecorder final : public RoutingHook {
 public:
  at::Tensor settle(const StepContext& step, RoutingSite site, const at::Tensor& found) override {
    const auto [place, fresh] = seen.try_emplace({step.layer, site});
    if (!fresh) throw std::logic_error("a layer decided twice at one site about one token");
    place->second = found.clone().view({step.batch, step.tokens, -1});
    return found;
  }
  ProbeDecisions seen;
};

class RoutingPlayer final : public RoutingHook {
 public:
  explicit RoutingPlayer(const ProbeDecisions& recorded) : recorded_(recorded) {}
  at::Tensor settle(const StepContext& step, RoutingSite site, const at::Tensor& found) override {
    const auto place = recorded_.find({step.layer, site});
    if (place == recorded_.end()) throw std::logic_error("a layer decided only while decoding");
    const auto first = step.positions[0].item<std::int64_t>();
    const at::Tensor wanted = place->second.narrow(1, first, step.tokens).reshape(found.sizes());
    changed_ += wanted.ne(found).sum().item<std::int64_t>();
    all_ += found.numel();
    return wanted;
  }
  [[nodiscard]] double changed_share() const {
    return all_ == 0 ? 0 : static_cast<double>(changed_) / static_cast<double>(all_);
  }

 private:
  const ProbeDecisions& recorded_;
  std::int64_t changed_ = 0, all_ = 0;
};

Fingerprint fingerprint_of_pass(Model& model, RoutingHook& hook) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  const RoutedModel routed(model, hook);
  const at::Tensor hidden = model.hidden(tokens);
  return fingerprint_of_rows(model,
                             hidden.view({kBatch, length, -1}).select(1, length - 1).contiguous());
}

}  // namespace

PassProbe probe_pass(Model& model) {
  RoutingRecorder recorder;
  Fingerprint fingerprint = fingerprint_of_pass(model, recorder);
  return {std::move(fingerprint), std::move(recorder.seen)};
}

SettledProbe probe_pass_again(Model& model, const ProbeDecisions& decisions) {
  RoutingPlayer player(decisions);
  Fingerprint fingerprint = fingerprint_of_pass(model, player);
  return {std::move(fingerprint), player.changed_share()};
}

SettledProbe probe_decode(Model& model, const ProbeDecisions& decisions) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  RoutingPlayer player(decisions);
  const RoutedModel routed(model, player);
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
