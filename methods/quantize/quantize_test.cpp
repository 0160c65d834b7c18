// The whole method on a tiny model; its mathematics is tested in harness/compress.
#include "harness/compress/quantize.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/compress/packed_linear.h"
#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {
void register_quantize(MethodRegistry& registry);
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QuantizeMethod : public ::testing::Test {
 protected:
  QuantizeMethod() : context_(at::randint(0, kTinyVocab, {8, 32}, at::kLong), 0, {}) {
    at::set_num_threads(1);  // more would wait for each other longer than they work
    register_quantize(registry_);
    write_tiny_model(context_.scratch() / "m", TinyFamily::kOpt, 5);
    dense_ = std::make_unique<Model>(Model::load(context_.scratch() / "m", LoadOptions{}));
  }
  [[nodiscard]] const Method& method() const { return registry_.get("quantize"); }
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
  [[nodiscard]] at::Tensor logits(const Model& model) const {
    return model.logits(model.hidden(context_.calibration()));
  }
  /// Mean square change of the logits.
  [[nodiscard]] double change(const Json& given) {
    return (logits(fitted(given)) - logits(*dense_)).square().mean().item<double>();
  }

  c10::InferenceMode inference_;
  MethodRegistry registry_;
  RecordingContext context_;
  std::unique_ptr<Model> dense_;
};

TEST_F(QuantizeMethod, RunsTheRoundedWeights) {
  const Model found = fitted({{"algorithm", "rtn"}, {"bits", 3}, {"group", 32}});
  const Model expected = dense_->clone();
  for (const Layer& layer : expected.layers()) {
    for (const Slot slot : layer.slots()) {
      const at::Tensor& weight = layer.dense(slot).weight();
      weight.copy_(dequantise(quantize_rtn(weight, {3, 32})));
    }
  }
  // Packed products round each activation to 2^-16 of the largest among its 32.
  const at::Tensor difference = logits(found) - logits(expected);
  EXPECT_LT((difference.norm() / logits(expected).norm()).item<double>(), 1e-4);
}

TEST_F(QuantizeMethod, LeavesAttentionAloneWhenToldSo) {
  const Model model = fitted({{"blocks", "ffn"}});
  for (std::size_t i = 0; i < model.layers().size(); ++i) {
    const Layer& now = model.layers()[i];
    for (const Slot slot : now.slots()) {
      const bool packed = dynamic_cast<PackedLinear*>(&now.linear(slot)) != nullptr;
      EXPECT_EQ(packed, slot >= Slot::kGate) << slot_name(slot);
      if (packed) continue;
      EXPECT_TRUE(at::equal(now.dense(slot).weight(), dense_->layers()[i].dense(slot).weight()));
    }
  }
}

TEST_F(QuantizeMethod, ReportsTheBytesThatTheBlocksTake) {
  const Model model = fitted({{"bits", 2}, {"group", 32}});
  double bytes = 0, weights = 0;
  for (const Layer& layer : model.layers()) {
    for (const Slot slot : layer.slots()) {
      const auto& packed = dynamic_cast<const PackedLinear&>(layer.linear(slot)).weight();
      bytes += static_cast<double>(packed.bytes());
      weights += static_cast<double>(packed.rows * packed.cols);
    }
  }
  EXPECT_EQ(context_.metrics.at("quantised_bytes"), bytes);
  EXPECT_EQ(context_.metrics.at("quantised_weights"), weights);
  EXPECT_DOUBLE_EQ(context_.metrics.at("average_bits"), 8 * bytes / weights);
  EXPECT_DOUBLE_EQ(context_.metrics.at("average_bits"), 2.75);
  EXPECT_GT(context_.metrics.at("weight_error/layer.0.q"), 0);
}

TEST_F(QuantizeMethod, MoreBitsAndGptqMoveTheModelLess) {
  const double rtn = change({{"algorithm", "rtn"}, {"bits", 3}, {"group", 32}});
  EXPECT_LT(change({{"algorithm", "gptq"}, {"bits", 3}, {"group", 32}}), rtn);
  EXPECT_LT(change({{"algorithm", "rtn"}, {"bits", 8}, {"group", 32}}), rtn / 100);
}

TEST_F(QuantizeMethod, SaysWhichOptionsAreImpossible) {
  EXPECT_THAT(method().unmet(dense_->spec(), params({{"bits", 5}})),
              ElementsAre(HasSubstr("bits is 5")));
  EXPECT_THAT(method().unmet(dense_->spec(), params({{"group", 48}})),
              ElementsAre(HasSubstr("group is 48")));
  EXPECT_THAT(method().unmet(dense_->spec(), params(Json::object())), IsEmpty());
}

TEST_F(QuantizeMethod, RefusesAnArtefactOfAnotherModel) {
  const Artefact artefact = fit({{"blocks", "ffn"}});
  write_tiny_model(context_.scratch() / "other", TinyFamily::kLlama, 5);
  Model other = Model::load(context_.scratch() / "other", LoadOptions{});
  Artefact wrong = artefact;
  wrong.plan["packed"]["layer.0.up"]["rows"] = 32;
  EXPECT_THROW(method().apply(other, wrong), UserError);
}

}  // namespace
}  // namespace assay
