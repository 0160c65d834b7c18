#include "harness/worker/probe.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/python_random.h"
#include "harness/model/mixing_input.h"
#include "harness/model/packed_sequences.h"

namespace assay {
namespace {

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kLength = 16;
constexpr std::int64_t kShorter = 11;  ///< the second sequence of an encoder
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

/// The probe's sequences, the second one cut: int64 [length] each.
std::vector<at::Tensor> probe_sequences(const Model& model) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t shorter = std::min(kShorter, tokens.size(1));
  return {tokens[0], tokens[1].narrow(0, 0, shorter)};
}

/// Where in a sequence the row lies that is scored.
std::int64_t scored_row(const Model& model, std::int64_t length) {
  return model.output().reads() == Output::Reads::kSequences ? 0 : length - 1;
}

/// scores [2, outputs]
Fingerprint fingerprint_of_scores(const at::Tensor& scores) {
  const at::Tensor logits = scores.to(at::kCPU, at::kDouble).contiguous();
  const std::int64_t vocab = logits.size(1);
  const std::int64_t places = std::min(kPlaces, vocab);
  Fingerprint fingerprint;
  for (std::int64_t row = 0; row < logits.size(0); ++row) {
    for (std::int64_t place = 0; place < places; ++place) {
      const double value = logits.data_ptr<double>()[row * vocab + place * vocab / places];
      if (!std::isfinite(value)) {
        throw NonFiniteValue("logits", "the model's logits for the probe are not finite");
      }
      fingerprint.values.push_back(value);
    }
  }
  return fingerprint;
}

/// hidden [2, width] of the rows that are scored
Fingerprint fingerprint_of_rows(const Model& model, const at::Tensor& hidden) {
  return fingerprint_of_scores(model.logits(hidden));
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
  /// The next pass begins at this token of the recorded one.
  void begin_at(std::int64_t token) { begin_ = token; }
  at::Tensor settle(const StepContext& step, RoutingSite site, const at::Tensor& found) override {
    const auto place = recorded_.find({step.layer, site});
    if (place == recorded_.end()) throw std::logic_error("a layer decided on one path only");
    const auto first = begin_ + step.positions[0].item<std::int64_t>();
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
  std::int64_t begin_ = 0;
  std::int64_t changed_ = 0, all_ = 0;
};

Fingerprint fingerprint_of_batch(const Model& model) {
  const at::Tensor tokens = probe_tokens(model);
  const std::int64_t length = tokens.size(1);
  // The last token follows a prompt, as it does on the path of decoding.
  const at::Tensor hidden = model.hidden(tokens, nullptr, length - 1);
  return fingerprint_of_rows(model,
                             hidden.view({kBatch, length, -1}).select(1, length - 1).contiguous());
}

Fingerprint fingerprint_of_packed(const Model& model) {
  const PackedTokens packed = pack_sequences(probe_sequences(model));
  if (model.output().reads() == Output::Reads::kSequences) {
    return fingerprint_of_scores(model.sequence_logits(packed));
  }
  std::vector<std::int64_t> rows;
  for (const Segment& segment : packed.segments) {
    rows.push_back(segment.offset + scored_row(model, segment.length));
  }
  const at::Tensor hidden = model.hidden_packed(packed);
  return fingerprint_of_rows(
      model, hidden.index_select(0, at::tensor(rows, at::kLong).to(model.device())));
}

Fingerprint fingerprint_of_pass(Model& model, RoutingHook& hook) {
  const RoutedModel routed(model, hook);
  return model.spec().causal ? fingerprint_of_batch(model) : fingerprint_of_packed(model);
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

OtherPath other_path(const Model& model) {
  if (model.spec().causal) return {"decoding step by step", probe_decode};
  if (mixes_sequences(model)) {
    return {"running the batch once more", probe_pass_again};
  }
  return {"running each sequence by itself", probe_one_by_one};
}

SettledProbe probe_one_by_one(Model& model, const ProbeDecisions& decisions) {
  RoutingPlayer player(decisions);
  const RoutedModel routed(model, player);
  std::vector<at::Tensor> rows;
  std::int64_t begin = 0;
  for (const at::Tensor& sequence : probe_sequences(model)) {
    const std::int64_t length = sequence.size(0);
    player.begin_at(begin);
    rows.push_back(model.hidden(sequence.unsqueeze(0)).narrow(0, scored_row(model, length), 1));
    begin += length;
  }
  return {fingerprint_of_rows(model, at::cat(rows)), player.changed_share()};
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
