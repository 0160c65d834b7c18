#include "harness/method/conformance_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "harness/model/mixing_input.h"
#include "harness/model/packed_sequences.h"

namespace assay {
namespace {

constexpr std::int64_t kSamples = 6;
constexpr std::int64_t kTokens = 24;
constexpr std::int64_t kPromptTokens = 10;
constexpr std::uint64_t kCalibrationSeed = 7, kProbeSeed = 8, kItemSeed = 9, kAnswerSeed = 10;
constexpr std::int64_t kItemsPerClass = 4;
constexpr std::int64_t kShortestItem = 3;
constexpr std::int64_t kClassesWithoutNames = 2;
/// Of the sequences that a model without a direction gets: from all tokens down to one.
constexpr std::int64_t kLengths[kSamples] = {24, 17, 1, 24, 9, 4};

class Tokens {
 public:
  Tokens(const ModelSpec& spec, std::uint64_t seed)
      : engine_(seed), vocab_(static_cast<std::uint64_t>(spec.vocab)) {}
  std::int64_t next() { return static_cast<std::int64_t>(engine_() % vocab_); }
  /// int64 [length]
  at::Tensor sequence(std::int64_t length) {
    at::Tensor tokens = at::empty({length}, at::TensorOptions().dtype(at::kLong));
    std::generate_n(tokens.mutable_data_ptr<std::int64_t>(), length, [this] { return next(); });
    return tokens;
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t vocab_;
};

bool reads_sequences(const Model& model) {
  return model.output().reads() == Output::Reads::kSequences;
}

/// The first half of one type, the rest of another. int64 [length]
at::Tensor types_of(const at::Tensor& sequence) {
  at::Tensor types = at::zeros(sequence.sizes(), sequence.options());
  const std::int64_t half = sequence.size(0) / 2;
  types.narrow(0, half, sequence.size(0) - half).fill_(1);
  return types;
}

/// [rows, outputs], in the order of the sequences
at::Tensor scores_of(const Model& model, const std::vector<at::Tensor>& sequences,
                     const std::vector<at::Tensor>& types) {
  if (model.spec().causal && !reads_sequences(model)) {
    return model.logits(model.hidden(at::stack(sequences), nullptr, kPromptTokens));
  }
  const PackedTokens packed = pack_sequences(sequences, types);
  return reads_sequences(model) ? model.sequence_logits(packed)
                                : model.logits(model.hidden_packed(packed));
}

/// Keeps what was decided in a pass over a batch, and gives each sequence its part of it.
class BatchDecisions final : public RoutingHook {
 public:
  /// The next pass runs the rows of the first one from this on.
  void replay_from(std::int64_t row) { first_ = row; }
  at::Tensor settle(const StepContext& step, RoutingSite site, const at::Tensor& found) override {
    at::Tensor& known = known_[{step.layer, site}];
    if (!first_) {
      known = found.clone();
      return found;
    }
    const at::Tensor wanted = known.narrow(0, *first_, found.size(0));
    changed_ += wanted.ne(found).sum().item<std::int64_t>();
    all_ += found.numel();
    return wanted;
  }
  [[nodiscard]] double changed_share() const {
    return all_ == 0 ? 0 : static_cast<double>(changed_) / static_cast<double>(all_);
  }

 private:
  std::map<std::pair<std::int64_t, RoutingSite>, at::Tensor> known_;
  std::optional<std::int64_t> first_;
  std::int64_t changed_ = 0, all_ = 0;
};

std::vector<std::string> class_names(const ModelSpec& spec) {
  if (!spec.labels.empty()) return spec.labels;
  const std::int64_t classes = spec.classes > 0 ? spec.classes : kClassesWithoutNames;
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < classes; ++i) names.push_back(fmt::format("LABEL_{}", i));
  return names;
}

}  // namespace

ConformanceProbe::ConformanceProbe(const ModelSpec& spec) {
  Tokens tokens(spec, kProbeSeed);
  for (const std::int64_t length : kLengths) {
    sequences_.push_back(tokens.sequence(spec.causal ? kTokens : length));
    if (spec.token_types > 1) token_types_.push_back(types_of(sequences_.back()));
  }
}

at::Tensor ConformanceProbe::scores(const Model& model) const {
  return scores_of(model, sequences_, token_types_);
}

BatchDifference ConformanceProbe::batch_difference(const Model& model) const {
  Model routed = model.clone();
  BatchDecisions decisions;
  routed.route_with(&decisions);
  const at::Tensor together = scores(routed);
  if (mixes_sequences(model)) {
    const at::Tensor again = scores(model);
    return {again.sub(together).abs().max().div(together.abs().max()).item<double>(), 0};
  }
  std::vector<at::Tensor> alone;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    std::vector<at::Tensor> types;
    if (!token_types_.empty()) types.push_back(token_types_[i]);
    decisions.replay_from(first);
    alone.push_back(scores_of(routed, {sequences_[i]}, types));
    first += sequences_[i].size(0);
  }
  return {at::cat(alone).sub(together).abs().max().div(together.abs().max()).item<double>(),
          decisions.changed_share()};
}

at::Tensor ConformanceProbe::decoded_scores(const Model& model) const {
  const at::Tensor tokens = at::stack(sequences_);
  KvCache cache(model.spec(), kSamples, kTokens, model.dtype(), model.device());
  std::vector<at::Tensor> rows = {
      model.hidden_step(tokens.narrow(1, 0, kPromptTokens).contiguous(), cache)};
  for (std::int64_t i = kPromptTokens; i < kTokens; ++i) {
    rows.push_back(model.hidden_step(tokens.narrow(1, i, 1).contiguous(), cache));
  }
  return model.logits(at::cat(rows));
}

at::Tensor conformance_calibration(const ModelSpec& spec) {
  return Tokens(spec, kCalibrationSeed).sequence(kSamples * kTokens).view({kSamples, kTokens});
}

AnsweredItems conformance_answers(const ModelSpec& spec) {
  AnsweredItems answers;
  Tokens tokens(spec, kAnswerSeed);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const std::int64_t length = 2 + 4 * i;  // at most kTokens
    AnsweredItem item{.tokens = {}, .answer_from = 1 + i % (length - 1)};
    for (std::int64_t t = 0; t < length; ++t) item.tokens.push_back(tokens.next());
    answers.items.push_back(std::move(item));
  }
  return answers;
}

LabelledItems conformance_items(const ModelSpec& spec) {
  LabelledItems items;
  items.label_names = class_names(spec);
  items.max_tokens = kTokens;
  items.offsets = {0};
  Tokens tokens(spec, kItemSeed);
  const auto classes = static_cast<std::int64_t>(items.label_names.size());
  for (std::int64_t i = 0; i < classes * kItemsPerClass; ++i) {
    const std::int64_t length = kShortestItem + i * i % (kTokens - kShortestItem);
    for (std::int64_t t = 0; t < length; ++t) {
      items.tokens.push_back(static_cast<std::int32_t>(tokens.next()));
    }
    items.offsets.push_back(static_cast<std::int64_t>(items.tokens.size()));
    items.labels.push_back(static_cast<std::int32_t>(i % classes));
    items.lines.push_back(static_cast<std::int32_t>(i + 1));
    items.hashes.push_back(fmt::format("{:016x}", i));
  }
  items.text_hashes = items.hashes;
  items.token_types.assign(items.tokens.size(), 0);
  return items;
}

}  // namespace assay
