// Predictors against plain arithmetic and PyTorch's initial weights; how they are stored.
#include "harness/contextual/predictor.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/contextual/predictor_artefact.h"
#include "harness/contextual/scaling.h"
#include "harness/model/dense_linear.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kIn = 96, kRank = 40, kOut = 70;

std::map<std::string, at::Tensor> tensors_of(Predictor& predictor) {
  std::map<std::string, at::Tensor> tensors;
  predictor.visit_tensors([&](const std::string& name, at::Tensor& t) { tensors[name] = t; });
  return tensors;
}

/// max |a - b| / max |b|
double difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>() / b.abs().max().item<double>();
}

/// By its formula, from dense matrices.
at::Tensor by_hand(const Predictor& predictor, const at::Tensor& rows) {
  const auto product = [](const Linear& layer, const at::Tensor& x) {
    const DenseForm form = layer.dense_form();
    const at::Tensor y = x.matmul(form.tensors.at("weight").to(at::kFloat).t());
    return form.tensors.contains("bias") ? y.add(form.tensors.at("bias").to(at::kFloat)) : y;
  };
  const PredictorForm& form = predictor.form();
  const at::Tensor hidden =
      product(predictor.first(), form.scaled_inputs ? scaled_rows(rows) : rows.to(at::kFloat));
  const bool relu = form.middle == PredictorMiddle::kRelu;
  return product(predictor.second(), relu ? at::relu(hidden) : hidden);
}

class Forms : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static PredictorForm form() {
    return GetParam() ? shadowllm_form(kIn, kRank, kOut) : dejavu_form(kIn, kRank, kOut);
  }
  at::Tensor rows_ = at::randn({5, kIn});
};

TEST_P(Forms, ComputeTheirFormula) {
  const Predictor predictor = fresh_predictor(form(), 3);
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    for (const std::int64_t count : {1, 5, 100}) {
      const at::Tensor rows = at::randn({count, kIn}).to(dtype);
      const at::Tensor scores = predictor.forward(rows);
      EXPECT_EQ(scores.scalar_type(), at::kFloat);
      EXPECT_LE(difference(scores, by_hand(predictor, rows)), 1e-5);
    }
  }
}

TEST_P(Forms, NameTheirTensors) {
  Predictor predictor = fresh_predictor(form(), 3);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_of(predictor)) names.push_back(name);
  if (GetParam()) {
    EXPECT_THAT(names, ElementsAre("first.bias", "first.weight", "second.bias", "second.weight"));
  } else {
    EXPECT_THAT(names, ElementsAre("first.weight", "second.weight"));
  }
}

TEST_P(Forms, StartAsPyTorchDoes) {
  const Json golden = Json::parse(read_text_file(source_dir() / "tests" / "data" / "contextual" /
                                                 "predictor_goldens.json"))
                          .at(GetParam() ? "linear_with_bias" : "linear");
  PredictorForm small = form();
  small.inputs = golden.at("inputs");
  small.rank = golden.at("rank");
  small.outputs = golden.at("outputs");
  Predictor predictor = fresh_predictor(small, golden.at("seed").get<std::uint64_t>());
  for (const auto& [name, tensor] : tensors_of(predictor)) {
    const auto expected = golden.at("tensors").at(name).get<std::vector<float>>();
    EXPECT_TRUE(at::equal(tensor.flatten(), at::tensor(expected))) << name;
  }
}

TEST_P(Forms, CopiesAreDeepAndSharesAreNot) {
  Predictor predictor = fresh_predictor(form(), 3);
  const auto copy = clone_block<Predictor>(predictor);
  const auto shared = predictor.share();
  const at::Tensor before = predictor.forward(rows_);
  tensors_of(predictor).at("second.weight").zero_();
  EXPECT_TRUE(at::equal(copy->forward(rows_), before));
  EXPECT_FALSE(at::equal(shared->forward(rows_), before));
}

TEST_P(Forms, StoredOtherwiseTheyComputeNearlyTheSame) {
  const c10::InferenceMode inference;
  const Predictor predictor = fresh_predictor(form(), 3);
  const Cost dense = predictor.cost();
  for (const auto& [bits, tolerance] : {std::pair(32, 1e-6), {16, 0.02}, {8, 0.02}, {4, 0.3}}) {
    const Predictor stored = stored_as(predictor, {.bits = bits, .group = 32});
    const at::Tensor scores = stored.forward(rows_);
    EXPECT_EQ(scores.scalar_type(), at::kFloat);
    EXPECT_LE(difference(scores, by_hand(predictor, rows_)), tolerance) << bits;
    // To what it holds it is nearer: 16-bit fixed point, or rounding to bf16.
    EXPECT_LE(difference(scores, by_hand(stored, rows_)), bits == 16 ? 0.02 : 1e-3) << bits;
    EXPECT_EQ(stored.cost().params, dense.params);
    // Packed ones also hold scales and zero points, and their biases in fp32.
    EXPECT_LE(stored.cost().touched_bytes,
              dense.touched_bytes * (bits < 16 ? bits + 4 : bits) / 32);
  }
}

TEST_P(Forms, SurviveAnArtefact) {
  const c10::InferenceMode inference;
  const Predictor predictor = fresh_predictor(form(), 3);
  for (const std::int64_t bits : {32, 16, 8, 4}) {
    const Predictor stored = stored_as(predictor, {.bits = bits, .group = 64});
    Artefact artefact;
    store_predictor(artefact, "predictor.heads", stored);
    store_predictor(artefact, "predictor.neurons.layer.3", fresh_predictor(form(), 4));
    artefact.plan = Json::parse(artefact.plan.dump());
    const Predictor loaded = load_predictor(artefact, "predictor.heads", at::kCPU);
    EXPECT_EQ(loaded.form(), form());
    EXPECT_TRUE(at::equal(loaded.forward(rows_), stored.forward(rows_))) << bits;
    EXPECT_TRUE(artefact.tensors.contains("predictor.neurons.layer.3.first.weight"));
  }
}

TEST_P(Forms, SettleAsTheyAreToRun) {
  const Predictor predictor = fresh_predictor(form(), 3);
  Artefact trained;
  store_predictor(trained, "p", predictor);
  EXPECT_FALSE(has_predictor(trained, "q"));
  EXPECT_FALSE(has_predictor({}, "p"));
  for (const std::int64_t bits : {32, 16}) {
    Artefact settled;
    settle_predictor(settled, trained, "p", bits);
    ASSERT_TRUE(has_predictor(settled, "p"));
    const Predictor expected = stored_as(predictor, {.bits = bits});
    EXPECT_TRUE(
        at::equal(load_predictor(settled, "p", at::kCPU).forward(rows_), expected.forward(rows_)))
        << bits;
    EXPECT_EQ(settled.plan.at("predictors").at("p").at("bits"), bits);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Forms, testing::Bool(), [](const auto& test) {
  return std::string(test.param ? "ShadowLlm" : "DejaVu");
});

TEST(PredictorForms, ARankAboveTheWidthIsRefused) {
  EXPECT_THAT([] { (void)fresh_predictor(dejavu_form(256, 1000, 1024), 0); },
              ThrowsMessage<DoesNotApply>(AllOf(HasSubstr("rank 1000"), HasSubstr("1 to 256"))));
  EXPECT_THROW((void)fresh_predictor(dejavu_form(256, 0, 1024), 0), DoesNotApply);
  EXPECT_NO_THROW((void)fresh_predictor(dejavu_form(256, 256, 8), 0));  // few heads are no limit
  EXPECT_THROW((void)fresh_predictor(dejavu_form(256, 16, 0), 0), std::logic_error);
}

TEST(PredictorForms, LayersOfOtherSizesAreAMistake) {
  const auto linear = [](std::int64_t in, std::int64_t out) {
    return std::make_unique<DenseLinear>(at::randn({out, in}), at::Tensor());
  };
  EXPECT_THROW(Predictor(dejavu_form(8, 2, 4), linear(8, 2), linear(3, 4)), std::logic_error);
  EXPECT_THROW(Predictor(dejavu_form(8, 2, 4), linear(7, 2), linear(2, 4)), std::logic_error);
}

TEST(PredictorStorages, OthersAreRefused) {
  const Predictor predictor = fresh_predictor(dejavu_form(kIn, kRank, kOut), 1);
  EXPECT_THAT([&] { (void)stored_as(predictor, {.bits = 3}); },
              ThrowsMessage<UserError>(HasSubstr("allowed: 32, 16, 8, 4")));
  EXPECT_THAT([&] { (void)stored_as(predictor, {.bits = 4, .group = 33}); },
              ThrowsMessage<UserError>(HasSubstr("group")));
  EXPECT_THROW((void)stored_as(stored_as(predictor, {.bits = 4}), {.bits = 8}), std::logic_error);
}

class DamagedPredictor : public testing::TestWithParam<std::int64_t> {
 protected:
  DamagedPredictor() {
    const Predictor dense = fresh_predictor(shadowllm_form(kIn, kRank, kOut), 1);
    store_predictor(artefact_, "p", stored_as(dense, {.bits = GetParam(), .group = 32}));
  }
  void expect_refused(const std::string& what) const {
    EXPECT_THAT([&] { (void)load_predictor(artefact_, "p", at::kCPU); },
                ThrowsMessage<UserError>(AllOf(HasSubstr("'p"), HasSubstr(what))));
  }
  Artefact artefact_;
};

TEST_P(DamagedPredictor, IsRefused) {
  const Artefact whole = artefact_;
  EXPECT_NO_THROW((void)load_predictor(artefact_, "p", at::kCPU));
  artefact_.tensors.erase("p.second.bias");
  expect_refused("lacks its tensor 'second.bias'");
  artefact_ = whole;
  artefact_.tensors["p.first.bias"] = at::randn({kRank + 1});
  expect_refused("'first.bias' of another shape");
  artefact_ = whole;
  artefact_.tensors.erase(GetParam() < 16 ? "p.first.codes" : "p.first.weight");
  expect_refused("lacks its tensor");
  artefact_ = whole;
  artefact_.plan["predictors"]["p"]["rank"] = 2 * kRank;
  artefact_.tensors["p.first.bias"] =
      at::randn({2 * kRank}).to(GetParam() == 16 ? at::kBFloat16 : at::kFloat);
  expect_refused("than its plan says");
}

TEST_P(DamagedPredictor, APlanThatSaysNothingUsableIsRefused) {
  const Artefact whole = artefact_;
  artefact_.plan["predictors"]["p"]["bits"] = 5;
  expect_refused("5 bits");
  artefact_ = whole;
  artefact_.plan["predictors"]["p"]["middle"] = "tanh";
  expect_refused("no usable 'middle'");
  artefact_ = whole;
  artefact_.plan["predictors"]["p"].erase("inputs");
  expect_refused("no usable 'inputs'");
  artefact_ = whole;
  artefact_.plan.erase("predictors");
  expect_refused("is not in its plan");
}

INSTANTIATE_TEST_SUITE_P(Bits, DamagedPredictor, testing::Values(32, 16, 8, 4));

}  // namespace
}  // namespace assay
