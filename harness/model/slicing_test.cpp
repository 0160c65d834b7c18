// A sliced model, the same one extracted into a model of its own, and zeros in the full one.

#include "harness/model/slicing.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/model_builder.h"

namespace assay {
namespace {

at::Tensor logits(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens));
}

std::map<std::string, at::Tensor> table(const Model& model) {
  std::map<std::string, at::Tensor> all;
  for (const Parameter& parameter : model.parameters()) all[parameter.name] = parameter.tensor;
  return all;
}

at::Tensor indices(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

/// What the full model computes when all that goes into a matrix from these places is nothing.
void zero_columns(const Model& model, std::int64_t layer, Slot slot, std::int64_t first,
                  std::int64_t count) {
  model.layers()[static_cast<std::size_t>(layer)]
      .dense(slot)
      .weight()
      .narrow(1, first, count)
      .zero_();
}

class Slicing : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] bool heads_stay() const { return !why_heads_stay(model_.spec()).empty(); }
  [[nodiscard]] bool neurons_stay() const { return has_experts(model_.spec()); }
  Model model_ = load_golden(GetParam());
  at::Tensor tokens_ = read_golden(GetParam()).tokens;
};

TEST_P(Slicing, FewerNeuronsEqualZeroedOnes) {
  if (neurons_stay()) GTEST_SKIP() << "a mixture of experts";
  const std::int64_t width = model_.spec().layer(1).ffn_width;
  Model masked = model_.clone();
  zero_columns(masked, 1, Slot::kDown, 0, 5);
  keep_neurons(model_, 1, at::arange(5, width, at::kLong));
  EXPECT_LE(relative_error(logits(model_, tokens_), logits(masked, tokens_)), 1e-5);
  EXPECT_EQ(model_.spec().layer(1).ffn_width, width - 5);
  EXPECT_EQ(model_.spec().layer(0).ffn_width, width);
}

TEST_P(Slicing, FewerHeadsEqualZeroedOnes) {
  const LayerShape shape = model_.spec().layer(0);
  if (shape.kv_heads < 2) GTEST_SKIP() << "one group of heads";
  std::vector<std::int64_t> rest;
  for (std::int64_t i = 1; i < shape.kv_heads; ++i) rest.push_back(i);
  if (heads_stay()) {
    EXPECT_THROW(keep_head_groups(model_, 0, indices(rest)), UserError);
    return;
  }
  Model masked = model_.clone();
  zero_columns(masked, 0, Slot::kO, 0, shape.heads / shape.kv_heads * shape.head_dim);
  keep_head_groups(model_, 0, indices(rest));
  EXPECT_LE(relative_error(logits(model_, tokens_), logits(masked, tokens_)), 1e-5);
}

TEST_P(Slicing, AnotherOrderIsTheSameFunction) {
  if (neurons_stay()) GTEST_SKIP() << "a mixture of experts";
  const ModelSpec spec = model_.spec();
  const at::Tensor before = logits(model_, tokens_);
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    order_neurons(model_, l, at::randperm(spec.layer(l).ffn_width, at::kLong));
    if (!heads_stay())
      order_head_groups(model_, l, at::randperm(spec.layer(l).kv_heads, at::kLong));
  }
  order_width(model_, at::randperm(spec.width, at::kLong));
  EXPECT_LE(relative_error(logits(model_, tokens_), before), 1e-5);
  EXPECT_THROW(order_width(model_, at::zeros({spec.width}, at::kLong)), std::logic_error);
}

TEST_P(Slicing, ANarrowModelIsThatOfTheNarrowTable) {
  const std::int64_t width = model_.spec().width, kept = width - 4;
  const bool projected = model_.spec().embedding_width != width;
  keep_width(model_, at::arange(4, width, at::kLong));
  EXPECT_EQ(model_.spec().width, kept);
  EXPECT_EQ(model_.spec().embedding_width == kept, !projected);
  const Model extracted = rebuilt(model_, model_.spec(), table(model_));
  EXPECT_LE(relative_error(logits(extracted, tokens_), logits(model_, tokens_)), 1e-5);
  EXPECT_EQ(extracted.content_hash(), model_.content_hash());
  for (const ParameterShape& parameter : parameter_shapes(model_.spec())) {
    EXPECT_EQ(model_.parameter(parameter.id).sizes().vec(), parameter.shape);
  }
}

/// The gradient of a sub-network's loss is that of the full one whose other neurons are silent.
TEST_P(Slicing, GradientsReachTheTensorsThatASharedModelWasCutFrom) {
  if (neurons_stay()) GTEST_SKIP() << "a mixture of experts";
  const std::int64_t width = model_.spec().layer(1).ffn_width;
  Model masked = model_.clone();
  zero_columns(masked, 1, Slot::kDown, 0, 5);
  const auto gradient_of = [&](Model& owner, const Model& run) {
    const at::Tensor up = owner.layers()[1].dense(Slot::kUp).weight();
    logits(run, tokens_).to(at::kFloat).square().mean().backward();
    return up.grad();
  };
  std::vector<at::Tensor> gradients;
  for (Model* owner : {&model_, &masked}) {
    owner->visit_tensors([](const std::string&, at::Tensor& tensor) {
      tensor = tensor.clone().requires_grad_(true);
    });
    Model run = owner->share();
    if (owner == &model_) keep_neurons(run, 1, at::arange(5, width, at::kLong));
    gradients.push_back(gradient_of(*owner, run));
  }
  EXPECT_EQ(model_.spec().layer(1).ffn_width, width);
  EXPECT_LE(
      relative_error(gradients[0].narrow(0, 5, width - 5), gradients[1].narrow(0, 5, width - 5)),
      1e-4);
  EXPECT_EQ(gradients[0].narrow(0, 0, 5).abs().max().item<double>(), 0);
}

TEST(SlicingMixtures, NeuronsStayAndLayersGo) {
  Model model = load_golden("qwen3_moe_mixed_tied");
  EXPECT_THROW(keep_neurons(model, 1, indices({0, 2})), DoesNotApply);
  keep_neurons(model, 0, indices({0, 2}));
  EXPECT_EQ(model.spec().layer(0).ffn_width, 2);
  drop_ffn(model, 1);
  EXPECT_FALSE(has_experts(model.spec()));
  EXPECT_EQ(rebuilt(model, model.spec(), table(model)).content_hash(), model.content_hash());
}

std::vector<std::int64_t> list(const at::Tensor& values) {
  const auto* data = values.const_data_ptr<std::int64_t>();
  return {data, data + values.numel()};
}

using Numbers = std::vector<std::int64_t>;

/// Rows of a fused matrix [all q; all k; all v].
TEST(AttentionRowsTest, TakeTheFirstHeadsOfEachGroup) {
  const LayerShape grouped{.heads = 12, .kv_heads = 3, .head_dim = 2};
  const AttentionRows rows = attention_rows(grouped, indices({0, 1}), 1);
  EXPECT_EQ(list(rows.queries), (Numbers{0, 1, 8, 9}));
  EXPECT_EQ(list(rows.keys.add(24)), (Numbers{24, 25, 26, 27}));
  EXPECT_EQ(list(rows.keys.add(30)), (Numbers{30, 31, 32, 33}));
  const LayerShape each{.heads = 3, .kv_heads = 3, .head_dim = 2};
  EXPECT_EQ(list(attention_rows(each, indices({0, 2}), 1).queries), (Numbers{0, 1, 4, 5}));
  const LayerShape one{.heads = 4, .kv_heads = 1, .head_dim = 2};
  EXPECT_EQ(list(attention_rows(one, indices({0}), 3).queries), (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(list(attention_rows(one, indices({0}), 3).keys), (Numbers{0, 1}));
  EXPECT_THROW(attention_rows(grouped, indices({0}), 5), std::logic_error);
}

TEST_P(Slicing, SlicedEqualsExtracted) {
  if (neurons_stay()) GTEST_SKIP() << "a mixture of experts";
  const std::int64_t width = model_.spec().layer(0).ffn_width;
  keep_neurons(model_, 0, at::arange(0, width - 8, at::kLong));
  if (!heads_stay() && model_.spec().layer(1).kv_heads > 1)
    keep_head_groups(model_, 1, indices({0}));
  drop_ffn(model_, 1);
  const Model extracted = rebuilt(model_, model_.spec(), table(model_));
  EXPECT_LE(relative_error(logits(extracted, tokens_), logits(model_, tokens_)), 1e-5);
  EXPECT_EQ(extracted.cost().params, model_.cost().params);
  EXPECT_EQ(extracted.content_hash(), model_.content_hash());
}

TEST_P(Slicing, DecodesWithAMissingAttention) {
  if (neurons_stay()) GTEST_SKIP() << "a mixture of experts";
  drop_attention(model_, 0);
  keep_neurons(model_, 1, indices({0, 2, 3}));
  const std::int64_t length = tokens_.size(1);
  KvCache cache(model_.spec(), tokens_.size(0), length, at::kFloat, at::kCPU);
  (void)model_.hidden_step(tokens_.narrow(1, 0, length - 1), cache);
  const at::Tensor last =
      model_.logits(model_.hidden_step(tokens_.narrow(1, length - 1, 1), cache));
  const at::Tensor whole = logits(model_, tokens_).view({tokens_.size(0), length, -1});
  EXPECT_LE(relative_error(last, whole.select(1, length - 1)), 1e-5);
}

TEST_P(Slicing, LayersThatAreDroppedAreNotRun) {
  // By hand: the rows after the first layer go to the end.
  at::Tensor rows = model_.embed(tokens_);
  rows = model_.run_layer(model_.layers()[0], 0, rows, tokens_.size(0));
  const at::Tensor expected = model_.logits(model_.finish(rows));
  while (model_.layer_count() > 1) model_.drop_layer(1);
  EXPECT_LE(relative_error(logits(model_, tokens_), expected), 1e-6);
}

TEST_P(Slicing, AddedBiasesAreZero) {
  const at::Tensor before = logits(model_, tokens_);
  for (const Slot slot : {Slot::kQ, Slot::kO, Slot::kUp, Slot::kDown}) model_.add_bias(slot);
  EXPECT_LE(relative_error(logits(model_, tokens_), before), 1e-6);
  const SlotPlace down = model_.layers()[0].places().back();
  EXPECT_TRUE(model_.parameter({0, Slot::kDown, true, down.expert}).defined());
  EXPECT_EQ(rebuilt(model_, model_.spec(), table(model_)).content_hash(), model_.content_hash());
}

INSTANTIATE_TEST_SUITE_P(Cases, Slicing, testing::ValuesIn(golden_cases()),
                         [](const auto& test) { return test.param; });

class SlicingEncoder : public testing::TestWithParam<std::string> {
 protected:
  Model model_ = Model::load(encoder_folder() / GetParam(), {});
  at::Tensor tokens_ = at::arange(3 * 7, at::kLong).remainder(70).view({3, 7});
  std::int64_t width_ = model_.spec().width;
};

TEST_P(SlicingEncoder, AnotherOrderOfTheWidthIsTheSameFunction) {
  const at::Tensor before = model_.sequence_logits(tokens_);
  order_width(model_, at::randperm(width_, at::kLong));
  at::Tensor after = model_.sequence_logits(tokens_);
  // Without a pooler and a classifier the rows themselves come out, in their new order.
  const bool rows = model_.spec().pooler_width == 0 && model_.output().outputs() == width_;
  EXPECT_LE(relative_error(rows ? std::get<0>(after.sort(1)) : after,
                           rows ? std::get<0>(before.sort(1)) : before),
            1e-5);
}

/// Tables, layers and what the output reads are narrower; what a pooler gives is not.
TEST_P(SlicingEncoder, ANarrowModelIsThatOfTheNarrowTable) {
  const std::int64_t pooled = model_.spec().pooler_width;
  keep_width(model_, at::arange(4, width_, at::kLong));
  EXPECT_EQ(model_.spec().pooler_width, pooled);
  const Model extracted = rebuilt(model_, model_.spec(), table(model_));
  EXPECT_LE(relative_error(extracted.sequence_logits(tokens_), model_.sequence_logits(tokens_)),
            1e-5);
  for (const ParameterShape& parameter : parameter_shapes(model_.spec())) {
    EXPECT_EQ(model_.parameter(parameter.id).sizes().vec(), parameter.shape);
  }
}

INSTANTIATE_TEST_SUITE_P(Encoders, SlicingEncoder,
                         testing::Values("bert_classifier", "bert_model", "bert_mlm"),
                         [](const auto& test) { return test.param; });

TEST(SlicingInput, RefusesWhatIsNoSelection) {
  Model model = load_golden("llama_gqa");
  EXPECT_THROW(keep_neurons(model, 0, indices({3, 2})), std::logic_error);
  EXPECT_THROW(keep_neurons(model, 0, indices({0, 100000})), std::logic_error);
  EXPECT_THROW(keep_head_groups(model, 0, at::tensor({0.5})), std::logic_error);
}

}  // namespace
}  // namespace assay
