// The whole method on tiny random models, gated and plain.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/base/errors.h"
#include "harness/compress/low_rank.h"
#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {
void register_ffsplit(MethodRegistry& registry);
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OnTinyModels : public ::testing::TestWithParam<TinyFamily> {
 protected:
  OnTinyModels() : context_(at::randint(0, kTinyVocab, {8, 32}, at::kLong), 0, {}) {
    at::set_num_threads(1);  // more would wait for each other longer than they work
    register_ffsplit(registry_);
    write_tiny_model(context_.scratch() / "m", GetParam(), 5);
    dense_ = std::make_unique<Model>(Model::load(context_.scratch() / "m", LoadOptions{}));
  }
  [[nodiscard]] const Method& method() const { return registry_.get("ffsplit"); }
  [[nodiscard]] Params params(const Json& given) const { return {method().info().params, given}; }
  [[nodiscard]] Artefact fit(const Json& given) {
    return method().fit(*dense_, context_, params(given));
  }
  [[nodiscard]] Model fitted(const Json& given) {
    const Artefact artefact = fit(given);
    Model model = dense_->clone();
    method().apply(model, artefact);
    return model;
  }
  [[nodiscard]] std::vector<std::string> unmet(const Json& given) const {
    return method().unmet(dense_->spec(), params(given));
  }
  [[nodiscard]] at::Tensor logits(const Model& model) const {
    return model.logits(model.hidden(context_.calibration()));
  }

  c10::InferenceMode inference_;
  MethodRegistry registry_;
  RecordingContext context_;
  std::unique_ptr<Model> dense_;
};

TEST_P(OnTinyModels, PZeroIsThePlainCompressor) {
  Model expected = dense_->clone();
  for (const Layer& layer : expected.layers()) {
    for (const Slot slot : layer.slots()) {
      if (slot < Slot::kGate) continue;
      const at::Tensor& weight = layer.dense(slot).weight();
      const LowRank factors = svd_plain(weight, 9);
      weight.copy_(factors.left.matmul(factors.right));
    }
  }
  const Model found = fitted({{"p", 0}, {"rank_2", 9}});
  EXPECT_TRUE(at::allclose(logits(found), logits(expected), 1e-4, 1e-4));
}

TEST_P(OnTinyModels, POneIsTheDenseModel) {
  EXPECT_TRUE(at::equal(logits(fitted({{"p", 1}})), logits(*dense_)));
}

TEST_P(OnTinyModels, SizesReportedAreThoseOfTheTensors) {
  const Json cases[] = {
      {{"p", 0.25}, {"target", 0.3}},
      {{"p", 0.2}, {"rank_2", 5}, {"compressor_1", "rtn"}, {"bits_1", 8}, {"group_1", 32}},
      {{"p", 0.3}, {"rank_2", 5}, {"p_scope", "global"}, {"align", 1}},
      {{"p", 0.5},
       {"compressor_1", "gptq"},
       {"bits_1", 4},
       {"compressor_2", "rtn"},
       {"bits_2", 2}}};
  const auto ffn_cost = [](const Model& model) {
    Cost cost;
    for (const Layer& layer : model.layers()) cost += layer.ffn->cost();
    return cost;
  };
  for (const Json& given : cases) {
    SCOPED_TRACE(given.dump());
    const Cost cost = ffn_cost(fitted(given));
    EXPECT_EQ(context_.metrics.at("ffn/params"), static_cast<double>(cost.params));
    EXPECT_EQ(context_.metrics.at("ffn/bytes"), static_cast<double>(cost.resident_bytes));
    EXPECT_DOUBLE_EQ(context_.metrics.at("average_bits"),
                     8.0 * static_cast<double>(cost.resident_bytes) /
                         static_cast<double>(ffn_cost(*dense_).params));
  }
}

TEST_P(OnTinyModels, TargetsAreMetInEveryDenominator) {
  for (const char* denominator : {"ffn_params", "ffn_bytes", "model_params", "model_bytes"}) {
    SCOPED_TRACE(denominator);
    const Model model =
        fitted({{"p", 0.25}, {"target", 0.15}, {"align", 1}, {"denominator", denominator}});
    const double numerator = context_.metrics.at("size/numerator");
    const double whole = context_.metrics.at("size/denominator");
    EXPECT_LE(numerator, 0.85 * whole);
    EXPECT_GT(numerator, 0.83 * whole);
    EXPECT_DOUBLE_EQ(context_.metrics.at("size/reduction"), 1 - numerator / whole);
    if (std::string(denominator) != "model_params") continue;
    EXPECT_EQ(numerator, static_cast<double>(model.cost().params));
    EXPECT_EQ(whole, static_cast<double>(dense_->cost().params));
  }
}

TEST_P(OnTinyModels, KeepsScoresSetsAndTheirOverlap) {
  const Artefact artefact = fit({{"p", 0.25}, {"rank_2", 8}});
  for (std::int64_t layer = 0; layer < dense_->layer_count(); ++layer) {
    const std::string name = "layer." + std::to_string(layer);
    const at::Tensor scores = artefact.tensors.at(name + ".scores");
    const at::Tensor heavy = artefact.tensors.at(name + ".heavy");
    ASSERT_EQ(scores.size(0), dense_->spec().shape.ffn_width);
    EXPECT_EQ(heavy.size(0), 16);
    const at::Tensor chosen = scores.index_select(0, heavy);
    EXPECT_EQ(scores.ge(chosen.min()).sum().item<std::int64_t>(), 16);
    const double overlap = context_.metrics.at("score_overlap/" + name);
    EXPECT_GT(overlap, 0);
    EXPECT_LE(overlap, 1);
    EXPECT_EQ(context_.metrics.at("heavy_hitters/" + name), 16);
  }
}

TEST_P(OnTinyModels, TouchesNothingButTheFeedForwardBlocks) {
  const Model model = fitted({{"p", 0.25}, {"rank_2", 8}});
  for (std::size_t i = 0; i < model.layers().size(); ++i) {
    const Layer& now = model.layers()[i];
    const Layer& old = dense_->layers()[i];
    EXPECT_THAT(now.slots(), ElementsAre(Slot::kQ, Slot::kK, Slot::kV, Slot::kO));
    for (const Slot slot : now.slots()) {
      EXPECT_TRUE(at::equal(now.dense(slot).weight(), old.dense(slot).weight()));
    }
  }
}

TEST_P(OnTinyModels, SaysWhatCannotBe) {
  EXPECT_THAT(unmet({{"p", 0.25}, {"rank_2", 30}}), ElementsAre(HasSubstr("saves nothing")));
  EXPECT_THAT(unmet({{"p", 0.001}}), ElementsAre(HasSubstr("one part is empty")));
  EXPECT_THAT(unmet({{"p", 0.5}, {"target", 0.9}}),
              ElementsAre(AllOf(HasSubstr("cannot be met"), HasSubstr("nearest feasible"))));
  EXPECT_THAT(unmet({{"compressor_1", "svd"}}), ElementsAre(HasSubstr("give its rank")));
  EXPECT_THAT(unmet({{"compressor_2", "rtn"}, {"bits_2", 5}, {"group_2", 40}}),
              ElementsAre(HasSubstr("bits_2 is 5"), HasSubstr("group_2 is 40")));
  EXPECT_THAT(unmet({{"solve_p", true}}), ElementsAre(HasSubstr("needs a rank_2")));
  EXPECT_THAT(unmet({{"p", 0.25}}), IsEmpty());
  EXPECT_THROW(
      static_cast<void>(fit({{"p", 0.5}, {"target", 0.9}, {"denominator", "model_params"}})),
      UserError);
}

TEST_P(OnTinyModels, ActivationsThatAreNotFiniteAreNamed) {
  const at::Tensor& weight = dense_->layers()[1].dense(Slot::kUp).weight();
  weight.select(0, 3).fill_(std::numeric_limits<float>::quiet_NaN());
  try {
    static_cast<void>(fit({{"p", 0.25}, {"rank_2", 8}}));
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("layer.1.ffn"), HasSubstr("NaN")));
  }
}

TEST_P(OnTinyModels, NoTokenLeftToCountIsAnError) {
  EXPECT_THROW(static_cast<void>(fit({{"first_tokens", 32}})), UserError);
}

INSTANTIATE_TEST_SUITE_P(Families, OnTinyModels,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace assay
