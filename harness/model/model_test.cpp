#include "harness/model/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/model/alibi.h"
#include "harness/model/golden_cases.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Keeps what it is told, copied.
class Keeper : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override {
    EXPECT_EQ(step.layer, layer);
    seen[{layer, tap}] = rows.clone();
  }
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> seen;
};

TEST(Recorder, SeesTheInputOfEveryLinear) {
  const Model model = load_golden("opt");
  const at::Tensor tokens = read_golden("opt").tokens;
  Keeper keeper;
  (void)model.hidden(tokens, &keeper);
  EXPECT_EQ(keeper.seen.size(), 14U);  // 2 layers, 7 taps
  // By hand: the input of fc1 out of the input of q, k, v's neighbours of the same layer.
  const Layer& layer = model.layers()[0];
  const at::Tensor rows = model.embed(tokens);
  const at::Tensor normed =
      at::layer_norm(rows, {40}, layer.attention_norm.weight, layer.attention_norm.bias, 1e-5);
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kQkvInput}), normed), 1e-6);
  const auto apply = [&](Slot slot, const at::Tensor& input) {
    return at::linear(input, layer.dense(slot).weight(), layer.dense(slot).bias());
  };
  const at::Tensor attended = rows.add(apply(Slot::kO, keeper.seen.at({0, Tap::kOutInput})));
  const at::Tensor ffn_input =
      at::layer_norm(attended, {40}, layer.ffn_norm.weight, layer.ffn_norm.bias, 1e-5);
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kFfnInput}), ffn_input), 1e-6);
  EXPECT_TRUE(keeper.seen.at({0, Tap::kAttentionStream}).equal(rows));
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kFfnStream}), attended), 1e-6);
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kPreActivation}), apply(Slot::kUp, ffn_input)),
            1e-6);
  const at::Tensor middle = at::relu(apply(Slot::kUp, ffn_input));
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kDownInput}), middle), 1e-6);
  const at::Tensor next = attended.add(apply(Slot::kDown, middle));
  EXPECT_LE(relative_error(model.run_layer(layer, 0, rows, tokens.size(0)), next), 1e-6);
}

TEST(Recorder, ContextIsTheSoftmaxAverageOfTheValues) {
  const Model model = load_golden("opt");
  const at::Tensor tokens = read_golden("opt").tokens.narrow(0, 0, 1);
  Keeper keeper;
  (void)model.hidden(tokens, &keeper);
  const Layer& layer = model.layers()[0];
  const at::Tensor& input = keeper.seen.at({0, Tap::kQkvInput});
  const auto heads = [&](Slot slot) {
    return layer.linear(slot).forward(input).view({21, 5, 8}).transpose(0, 1);
  };
  const at::Tensor scores =
      heads(Slot::kQ).matmul(heads(Slot::kK).transpose(1, 2)).mul(1.0 / std::sqrt(8.0));
  const at::Tensor later = at::Tensor(scores[0]).new_full({21, 21}, 1.0).triu(1).to(at::kBool);
  const at::Tensor context = scores.masked_fill(later, -1e30)
                                 .softmax(-1)
                                 .matmul(heads(Slot::kV))
                                 .transpose(0, 1)
                                 .reshape({21, 40});
  EXPECT_LE(relative_error(keeper.seen.at({0, Tap::kOutInput}), context), 1e-5);
}

TEST(Layer, NamesItsSlots) {
  EXPECT_THAT(load_golden("gpt2").layers()[0].slots(),
              ElementsAre(Slot::kQ, Slot::kK, Slot::kV, Slot::kO, Slot::kUp, Slot::kDown));
  EXPECT_EQ(load_golden("llama_gqa").layers()[0].slots().size(), 7U);
}

TEST(Layer, RefusesWhatItDoesNotHave) {
  Model model = load_golden("gpt2");
  Layer& layer = model.layers()[0];
  EXPECT_THROW((void)layer.linear(Slot::kGate), std::logic_error);
  EXPECT_THROW(layer.replace_linear(Slot::kGate, clone_block(layer.linear(Slot::kUp))),
               std::logic_error);
}

// A block that does not say how it is copied.
class Opaque : public Linear {
 public:
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override { return rows; }
  [[nodiscard]] std::int64_t in_features() const override { return 40; }
  [[nodiscard]] std::int64_t out_features() const override { return 40; }
  void visit_tensors(const VisitTensor&) override {}
  [[nodiscard]] Cost cost() const override { return {1, 1, 1, 1, 1}; }
};

TEST(Layer, ReplacedSlotsAreNotDenseAndKeepTheirOwnCopyRule) {
  Model model = load_golden("gpt2");
  Layer& layer = model.layers()[0];
  layer.replace_linear(Slot::kO, std::make_unique<Opaque>());
  EXPECT_THROW((void)layer.dense(Slot::kO), DoesNotApply);
  EXPECT_THROW((void)model.clone(), std::logic_error);
}

// Every tensor of the file counts once; nothing is added.
TEST(ModelCost, EqualsTheCheckpoint) {
  for (const std::string& name : golden_cases()) {
    const Checkpoint checkpoint = Checkpoint::open(golden_folder() / name);
    std::int64_t params = 0;
    for (const Binding& binding : checkpoint.bindings()) {
      std::int64_t count = 1;
      for (const std::int64_t size : binding.shape) count *= size;
      params += count;
    }
    const Cost full = load_golden(name).cost();
    EXPECT_EQ(full.params, params) << name;
    EXPECT_EQ(full.resident_bytes, 4 * params) << name;
    EXPECT_EQ(load_golden(name, at::kBFloat16).cost().resident_bytes, 2 * params) << name;
    EXPECT_LE(full.nonzero, params) << name;
    EXPECT_GT(full.nonzero, params * 9 / 10) << name;
  }
}

TEST(ModelCost, CountsZerosAndWork) {
  const Model model = load_golden("gpt2");
  const Cost before = model.cost();
  const at::Tensor& weight = model.layers()[0].dense(Slot::kUp).weight();
  const std::int64_t had = at::count_nonzero(weight).item<std::int64_t>();
  model.layers()[0].dense(Slot::kUp).weight().zero_();
  EXPECT_EQ(model.cost().nonzero, before.nonzero - had);
  EXPECT_EQ(model.cost().params, before.params);
  // Two layers of 12 width^2 + 9 width (biases), and the tied head.
  const std::int64_t width = 40, vocab = 67;
  EXPECT_EQ(before.flops_per_token, 2 * (2 * 12 * width * width + 9 * width) + 2 * vocab * width);
}

TEST(RandomWeights, DependOnTheSeedAlone) {
  LoadOptions options;
  options.random_weights = true;
  const auto folder = golden_folder() / "llama_gqa";
  const auto weight = [&](std::uint64_t seed, at::ScalarType dtype) {
    options.seed = seed;
    options.dtype = dtype;
    return Model::load(folder, options).layers()[1].dense(Slot::kDown).weight().clone();
  };
  const at::Tensor first = weight(1, at::kFloat);
  EXPECT_EQ(relative_error(weight(1, at::kFloat), first), 0);
  EXPECT_GT(relative_error(weight(2, at::kFloat), first), 0.5);
  EXPECT_LE(relative_error(weight(1, at::kBFloat16), first), 1e-2);
  EXPECT_NEAR(first.std().item<double>(), 0.02, 0.002);
  EXPECT_NEAR(first.mean().item<double>(), 0.0, 0.002);
}

TEST(RandomWeights, RunWithoutACheckpoint) {
  LoadOptions options;
  options.random_weights = true;
  const Model model = Model::load(golden_folder() / "falcon_40b", options);
  const at::Tensor logits = model.logits(model.hidden(read_golden("falcon_40b").tokens));
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  EXPECT_GT(logits.std().item<double>(), 0);
}

TEST(KvCacheTest, RefusesWhatDoesNotFit) {
  const Model model = load_golden("llama_gqa");
  KvCache cache(model.spec(), 1, 4, at::kFloat, at::kCPU);
  EXPECT_EQ(cache.bytes(), 2 * 2 * 2 * 4 * 8 * 4);  // k, v; layers; kv heads; tokens; dim; bytes
  const at::Tensor tokens = at::tensor({1, 2, 3, 4, 5}, at::kLong).unsqueeze(0);
  EXPECT_THROW((void)model.hidden_step(tokens, cache), std::logic_error);
  (void)model.hidden_step(tokens.narrow(1, 0, 3), cache);
  EXPECT_THROW((void)model.hidden_step(tokens.narrow(1, 0, 2), cache), std::logic_error);
  EXPECT_THROW(cache.truncate(4), std::logic_error);
  EXPECT_EQ(cache.length(), 3);
}

TEST(ModelPass, RefusesMorePositionsThanTheTableHas) {
  const at::Tensor tokens = at::tensor(std::vector<std::int64_t>(33, 1), at::kLong).unsqueeze(0);
  EXPECT_THROW((void)load_golden("gpt2").hidden(tokens), UserError);
  EXPECT_THROW((void)load_golden("falcon_rw").hidden(tokens), UserError);  // ALiBi
  EXPECT_EQ(load_golden("llama_gqa").hidden(tokens).size(0), 33);          // rotary has no table
}

// Its head dimension of 12 turns 8 elements; sequences of more than 24 tokens take the long
// factors.
class TurnedByLength : public testing::Test {
 protected:
  [[nodiscard]] at::Tensor rows_of(std::int64_t length) const {
    return model_.hidden(tokens_.narrow(0, 0, length).unsqueeze(0));
  }
  void step(KvCache& cache, std::int64_t count) const {
    last_ = model_.hidden_step(tokens_.narrow(0, cache.length(), count).unsqueeze(0), cache);
  }
  [[nodiscard]] KvCache cache() const { return {model_.spec(), 1, 40, at::kFloat, at::kCPU}; }
  Model model_ = load_golden("phi3_long_partial");
  at::Tensor tokens_ = at::arange(40, at::kLong);
  mutable at::Tensor last_;
};

TEST_F(TurnedByLength, PackedSequencesEachByTheirOwn) {
  EXPECT_GT(relative_error(rows_of(30).narrow(0, 0, 10), rows_of(10)), 1e-3);
  EXPECT_LE(relative_error(rows_of(24).narrow(0, 0, 10), rows_of(10)), 1e-5);
  const std::vector<Segment> segments = {{0, 30, {}}, {30, 10, {}}};
  const auto both = [&](const at::Tensor& a) {
    return at::cat({a.narrow(0, 0, 30), a.narrow(0, 0, 10)});
  };
  const at::Tensor packed =
      model_.hidden_packed({both(tokens_), both(at::arange(40, at::kLong)), {}, segments});
  EXPECT_LE(relative_error(packed, at::cat({rows_of(30), rows_of(10)})), 1e-5);
}

TEST_F(TurnedByLength, ATreeThatIsTooLongIsRefused) {
  const auto pass = [&](std::int64_t length) {
    const std::vector<Segment> tree = {{0, length, at::ones({length, length}, at::kBool).tril()}};
    const at::Tensor places = at::arange(length, at::kLong);
    return model_.hidden_packed({tokens_.narrow(0, 0, length), places, {}, tree});
  };
  EXPECT_LE(relative_error(pass(24), rows_of(24)), 1e-5);
  EXPECT_THAT([&] { (void)pass(25); },
              testing::ThrowsMessage<DoesNotApply>(
                  AllOf(HasSubstr("longer than 24 tokens"), HasSubstr("longrope"))));
}

TEST_F(TurnedByLength, ACacheKeepsItsTurn) {
  KvCache longer = cache();
  step(longer, 25);
  step(longer, 1);
  step(longer, 2);
  EXPECT_LE(relative_error(last_, rows_of(28).narrow(0, 26, 2)), 1e-5);
  longer.truncate(3);
  EXPECT_THROW(step(longer, 1), DoesNotApply);  // would be short again
  longer.truncate(0);
  step(longer, 23);
  step(longer, 1);
  EXPECT_LE(relative_error(last_, rows_of(24).narrow(0, 23, 1)), 1e-5);
  EXPECT_THROW(step(longer, 1), DoesNotApply);
  EXPECT_EQ(longer.length(), 24);
}

TEST(Alibi, SlopesAreThoseOfThePaper) {
  ModelSpec spec;
  spec.shape.heads = 8;
  const at::Tensor eight = alibi_bias(spec, 3);
  EXPECT_FLOAT_EQ(eight.select(1, 0).flatten()[2].item<float>(), 2 * 0.5F);
  EXPECT_FLOAT_EQ(eight.select(1, 7).flatten()[1].item<float>(), 1.0F / 256);
  spec.shape.heads = 12;  // 8, then every second slope of 16
  const at::Tensor twelve = alibi_bias(spec, 2);
  EXPECT_FLOAT_EQ(twelve.select(1, 8).flatten()[1].item<float>(), std::exp2(-0.5F));
  EXPECT_FLOAT_EQ(twelve.select(1, 11).flatten()[1].item<float>(), std::exp2(-3.5F));
}

TEST(Device, NamesAreChecked) {
  EXPECT_TRUE(open_device("cpu").is_cpu());
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", ""}) {
    EXPECT_THROW((void)open_device(name), UserError) << name;
  }
  EXPECT_EQ(dtype_from_name("bf16"), at::kBFloat16);
  EXPECT_THROW((void)dtype_from_name("fp8"), UserError);
}

}  // namespace
}  // namespace assay
