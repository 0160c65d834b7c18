// The decoder against transformers, and its own ways to compute the same thing against each other.

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/checkpoint/model_size.h"
#include "harness/model/golden_cases.h"

namespace assay {
namespace {

constexpr double kSameInFp32 = 1e-4;
constexpr double kSameInBf16 = 2e-2;
/// With the same experts. The eager and the SDPA attention of transformers are up to 1.5e-2 apart
/// on these models, and 3 of 42 tokens may have two experts that rounding cannot tell from each
/// other.
constexpr double kSameMixtureInBf16 = 3e-2;

at::Tensor all_logits(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens)).view({tokens.size(0), tokens.size(1), -1});
}

at::Tensor last_columns(const at::Tensor& logits, const at::Tensor& like) {
  const std::int64_t count = like.size(-1);
  return logits.narrow(-1, logits.size(-1) - count, count);
}

/// The router of a mixture as well.
std::vector<SlotPlace> all_places(const Layer& layer) {
  std::vector<SlotPlace> places = layer.places();
  if (layer.find(Slot::kRouter) != nullptr) places.emplace_back(Slot::kRouter);
  return places;
}

/// Which experts each token of each sequence takes, in whatever pass: known ones, or those of the
/// first pass that runs all tokens at once. Between nearly equal experts rounding decides, and two
/// right paths may differ.
class SettledExperts final : public RoutingHook {
 public:
  SettledExperts() = default;
  SettledExperts(const std::map<std::int64_t, at::Tensor>& taken, const ModelSpec& spec) {
    for (const auto& [layer, experts] : taken) {
      const std::vector<std::int64_t> shape = {experts.size(0), experts.size(1),
                                               spec.layer(layer).experts};
      known_[layer] = at::zeros(shape, at::kBool).scatter(2, experts, true);
    }
  }
  at::Tensor settle(const StepContext& step, RoutingSite, const at::Tensor& found) override {
    const at::Tensor apart = found.view({step.batch, step.tokens, -1});
    const auto [place, fresh] = known_.try_emplace(step.layer, apart.clone());
    const auto first = step.positions[0].item<std::int64_t>();
    const at::Tensor wanted = place->second.narrow(1, first, step.tokens);
    changed_ += wanted.ne(apart).sum().item<std::int64_t>();
    all_ += found.numel();
    return wanted.reshape(found.sizes());
  }
  [[nodiscard]] double changed_share() const {
    return all_ == 0 ? 0 : static_cast<double>(changed_) / static_cast<double>(all_);
  }

 private:
  std::map<std::int64_t, at::Tensor> known_;
  std::int64_t changed_ = 0, all_ = 0;
};

class Parity : public testing::TestWithParam<std::string> {};

TEST_P(Parity, Fp32LogitsEqualTransformers) {
  const Golden golden = read_golden(GetParam());
  const double error =
      relative_error(all_logits(load_golden(GetParam()), golden.tokens), golden.logits_f32);
  RecordProperty("error", std::to_string(error));
  std::printf("parity %-22s fp32 %.2e\n", GetParam().c_str(), error);
  EXPECT_LE(error, kSameInFp32);
}

TEST_P(Parity, Bf16LogitsEqualTransformers) {
  const Golden golden = read_golden(GetParam());
  Model model = load_golden(GetParam(), at::kBFloat16);
  SettledExperts experts(golden.experts, model.spec());
  model.route_with(&experts);
  const double error = relative_error(all_logits(model, golden.tokens), golden.logits_bf16);
  EXPECT_LE(experts.changed_share(), kSameMixtureInBf16);
  if (!golden.experts.empty())
    std::printf("%.3f of its decisions settled\n", experts.changed_share());
  std::printf("parity %-22s bf16 %.2e (to the fp32 logits %.2e)\n", GetParam().c_str(), error,
              relative_error(all_logits(model, golden.tokens), golden.logits_f32));
  EXPECT_LE(error, golden.experts.empty() ? kSameInBf16 : kSameMixtureInBf16);
}

TEST_P(Parity, BatchOneEqualsBatchMany) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  const at::Tensor both = all_logits(model, golden.tokens);
  for (std::int64_t i = 0; i < golden.tokens.size(0); ++i) {
    const at::Tensor alone = all_logits(model, golden.tokens.narrow(0, i, 1));
    EXPECT_LE(relative_error(alone[0], both[i]), 1e-5);
  }
}

// Prefill of some tokens, some more at once, then one by one.
TEST_P(Parity, CachedStepsEqualOnePass) {
  const Golden golden = read_golden(GetParam());
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    Model model = load_golden(GetParam(), dtype);
    SettledExperts experts;
    model.route_with(&experts);
    const at::Tensor whole = all_logits(model, golden.tokens);
    const std::int64_t length = golden.tokens.size(1);
    KvCache cache(model.spec(), golden.tokens.size(0), length, dtype, at::kCPU);
    std::vector<at::Tensor> parts;
    for (std::int64_t at = 0; at < length;) {
      const std::int64_t count = at == 0 ? 9 : (at == 9 ? 3 : 1);
      const at::Tensor hidden = model.hidden_step(golden.tokens.narrow(1, at, count), cache);
      parts.push_back(model.logits(hidden).view({golden.tokens.size(0), count, -1}));
      at += count;
    }
    EXPECT_EQ(cache.length(), length);
    const double limit = dtype == at::kFloat ? 1e-5 : kSameInBf16;
    EXPECT_LE(relative_error(at::cat(parts, 1), whole), limit);
    EXPECT_LE(experts.changed_share(), limit);
  }
}

TEST_P(Parity, TruncatedCacheContinues) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  const at::Tensor tokens = golden.tokens.narrow(1, 0, 12);
  KvCache cache(model.spec(), tokens.size(0), 16, at::kFloat, at::kCPU);
  (void)model.hidden_step(golden.tokens.narrow(1, 4, 16), cache);
  cache.truncate(0);
  (void)model.hidden_step(tokens.narrow(1, 0, 11), cache);
  const at::Tensor last = model.logits(model.hidden_step(tokens.narrow(1, 11, 1), cache));
  EXPECT_LE(relative_error(last, all_logits(model, tokens).select(1, 11)), 1e-5);
}

// Two continuations of one prefix in one segment under a tree mask, then a plain causal segment.
TEST_P(Parity, PackedTreeEqualsSeparateSequences) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  constexpr std::int64_t kPrefix = 8, kFirst = 5, kSecond = 4, kAlone = 10;
  const at::Tensor a = golden.tokens[0], b = golden.tokens[1];
  const at::Tensor prefix = a.narrow(0, 0, kPrefix);
  const at::Tensor first = a.narrow(0, kPrefix, kFirst), second = b.narrow(0, 2, kSecond);
  const at::Tensor alone = b.narrow(0, 0, kAlone);
  const auto range = [](std::int64_t begin, std::int64_t count) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = begin++;
    return at::tensor(values, at::kLong);
  };
  constexpr std::int64_t kTree = kPrefix + kFirst + kSecond;
  const at::Tensor places = range(0, kTree);
  at::Tensor mask = places.unsqueeze(1).ge(places.unsqueeze(0));
  mask.narrow(0, kPrefix + kFirst, kSecond).narrow(1, kPrefix, kFirst).fill_(false);
  const std::vector<Segment> segments = {{0, kTree, mask}, {kTree, kAlone, {}}};
  const at::Tensor positions =
      at::cat({range(0, kPrefix + kFirst), range(kPrefix, kSecond), range(0, kAlone)});
  const at::Tensor packed = model.logits(
      model.hidden_packed({at::cat({prefix, first, second, alone}), positions, {}, segments}));
  const auto separate = [&](const at::Tensor& tokens) {
    return all_logits(model, tokens.unsqueeze(0))[0];
  };
  EXPECT_LE(
      relative_error(packed.narrow(0, 0, kPrefix + kFirst), separate(at::cat({prefix, first}))),
      1e-5);
  EXPECT_LE(relative_error(packed.narrow(0, kPrefix + kFirst, kSecond),
                           separate(at::cat({prefix, second})).narrow(0, kPrefix, kSecond)),
            1e-5);
  EXPECT_LE(relative_error(packed.narrow(0, kTree, kAlone), separate(alone)), 1e-5);
}

TEST_P(Parity, EqualCausalSegmentsEqualBatch) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  const std::int64_t length = golden.tokens.size(1);
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < 2 * length; ++i) places.push_back(i % length);
  const std::vector<Segment> segments = {{0, length, {}}, {length, length, {}}};
  const at::Tensor packed =
      model.hidden_packed({golden.tokens.reshape(-1), at::tensor(places, at::kLong), {}, segments});
  EXPECT_LE(relative_error(packed, model.hidden(golden.tokens)), 1e-5);
}

// Replacing every slot by a copy of itself gives up the fused products and changes nothing else.
TEST_P(Parity, FusedEqualsSlotBySlot) {
  const Golden golden = read_golden(GetParam());
  const Model fused = load_golden(GetParam());
  Model apart = fused.clone();
  for (Layer& layer : apart.layers()) {
    for (const SlotPlace& place : all_places(layer)) {
      layer.replace_linear(place, clone_block(layer.linear(place)));
    }
  }
  EXPECT_LE(relative_error(all_logits(apart, golden.tokens), all_logits(fused, golden.tokens)),
            1e-5);
}

TEST_P(Parity, EverySlotMatters) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  const at::Tensor before = all_logits(model, golden.tokens);
  for (const SlotPlace& place : all_places(model.layers()[0])) {
    Model changed = model.clone();
    const DenseLinear& dense = changed.layers()[0].dense(place);
    changed.layers()[0].replace_linear(
        place, std::make_unique<DenseLinear>(dense.weight().mul(-1), dense.bias()));
    EXPECT_GT(relative_error(all_logits(changed, golden.tokens), before), 1e-3)
        << slot_path(0, place);
    Model edited = model.clone();
    edited.layers()[0].dense(place).weight().mul_(-1);
    EXPECT_LE(relative_error(all_logits(edited, golden.tokens), all_logits(changed, golden.tokens)),
              1e-5)
        << slot_path(0, place);
  }
  EXPECT_EQ(relative_error(all_logits(model, golden.tokens), before), 0);  // clones are apart
}

TEST_P(Parity, SizesByTheConfigurationAreThoseOfTheBlocks) {
  const Model model = load_golden(GetParam());
  const Cost cost = model.cost();
  const ModelSize size = model_size(model.spec());
  EXPECT_EQ(size.parameters, cost.params);
  EXPECT_EQ(size.flops_per_token, cost.flops_per_token);
}

TEST_P(Parity, LayersOneByOneEqualOnePass) {
  const Golden golden = read_golden(GetParam());
  const Model model = load_golden(GetParam());
  at::Tensor rows = model.embed(golden.tokens);
  for (std::size_t i = 0; i < model.layers().size(); ++i) {
    rows = model.run_layer(model.layers()[i], static_cast<std::int64_t>(i), rows,
                           golden.tokens.size(0));
  }
  EXPECT_LE(relative_error(model.finish(rows), model.hidden(golden.tokens)), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Cases, Parity, testing::ValuesIn(golden_cases()),
                         [](const auto& test) { return test.param; });

// Trained models: their goldens are kept, the models themselves come from outside.
class TrainedParity : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(TrainedParity, LogitsEqualTransformers) {
  const auto& [name, folder] = GetParam();
  const std::string models = environment_or("ASSAY_MODELS", "");
  if (models.empty()) GTEST_SKIP() << "ASSAY_MODELS is not set";
  const std::filesystem::path path = std::filesystem::path(models) / folder;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const Golden golden = read_golden(name);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    LoadOptions options;
    options.dtype = dtype;
    const Model model = Model::load(path, options);
    const bool full = dtype == at::kFloat;
    const at::Tensor& expected = full ? golden.logits_f32 : golden.logits_bf16;
    const double error =
        relative_error(last_columns(all_logits(model, golden.tokens), expected), expected);
    std::printf("parity %-22s %s %.2e\n", name, full ? "fp32" : "bf16", error);
    EXPECT_LE(error, full ? kSameInFp32 : kSameInBf16);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TrainedParity,
                         testing::Values(std::pair("tiny_opt_relu", "tiny-opt-relu"),
                                         std::pair("tiny_gpt2_gelu", "tiny-gpt2-gelu")),
                         [](const auto& test) { return std::string(test.param.first); });

}  // namespace
}  // namespace assay
