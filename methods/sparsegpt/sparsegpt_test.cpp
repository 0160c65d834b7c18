// The whole method on a tiny model; its mathematics is tested in
// harness/method/optimal_brain_surgeon_test.cpp.
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {
void register_sparsegpt(MethodRegistry& registry);
namespace {

TEST(SparseGpt, ChangesKeptWeightsAndNothingButTheMatrices) {
  const c10::InferenceMode inference;
  MethodRegistry registry;
  register_sparsegpt(registry);
  const Method& method = registry.get("sparsegpt");
  const at::Tensor tokens = at::randint(0, kTinyVocab, {8, 32}, at::kLong);
  RecordingContext context(tokens, 0, {});
  write_tiny_model(context.scratch() / "m", TinyFamily::kOpt, 5);
  Model model = Model::load(context.scratch() / "m", LoadOptions{});
  const Model dense = model.clone();
  const Params params(method.info().params, {{"sparsity", 0.5}});
  method.apply(model, method.fit(dense, context, params));
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const Layer& now = model.layers()[static_cast<std::size_t>(i)];
    const Layer& old = dense.layers()[static_cast<std::size_t>(i)];
    for (const Slot slot : now.slots()) {
      const at::Tensor& weight = now.dense(slot).weight();
      EXPECT_TRUE(now.dense(slot).bias().equal(old.dense(slot).bias()));
      EXPECT_FALSE(weight.masked_select(weight.ne(0))
                       .equal(old.dense(slot).weight().masked_select(weight.ne(0))));
      EXPECT_NEAR(context.metrics.at("achieved_sparsity/" + slot_path(i, slot)), 0.5, 0.01);
    }
    EXPECT_TRUE(now.attention_norm.weight.equal(old.attention_norm.weight));
    EXPECT_TRUE(now.ffn_norm.bias.equal(old.ffn_norm.bias));
  }
  EXPECT_TRUE(model.embed(tokens).equal(dense.embed(tokens)));
}

}  // namespace
}  // namespace assay
