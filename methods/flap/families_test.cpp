// FLAP on every family of models.
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "methods/flap/flap_fixture.h"

namespace assay::flap {
namespace {

class FlapOnFamilies : public ::testing::TestWithParam<std::string> {};

TEST_P(FlapOnFamilies, FitsAndApplies) {
  Model model = load_golden(GetParam());
  const at::Tensor tokens = at::randint(0, model.spec().vocab, {3, 12}, at::kLong);
  Json given = {{"ratio", 0.4}};
  if (!method().unmet(model.spec(), params(given)).empty()) given["blocks"] = "ffn";
  RecordingContext context(tokens, 0, {});
  method().apply(model, method().fit(model, context, params(given)));
  EXPECT_TRUE(model.logits(model.hidden(tokens)).isfinite().all().item<bool>());
  EXPECT_GT(context.metrics.at("removed_parameters"), 0);
}

TEST(FlapOnEncoders, KeepsTheMeanOutputOfTheFirstAttention) {
  const Model model = Model::load(encoder_folder() / "bert_mlm", {});
  const at::Tensor tokens = at::randint(0, model.spec().vocab, {3, 12}, at::kLong);
  RecordingContext context(tokens, 0, {});
  const Params half = params({{"ratio", 0.5}, {"allocation", "ul_um"}});
  Model changed = model.clone();
  method().apply(changed, method().fit(model, context, half));
  EXPECT_LT(changed.cost().params, model.cost().params);
  WholePass before, after;
  static_cast<void>(model.hidden(tokens, &before));
  static_cast<void>(changed.hidden(tokens, &after));
  const auto mean = [](const Model& of, const WholePass& pass) {
    return of.layers()[0].linear(Slot::kO).forward(pass.of(0, Slot::kO)).mean(0);
  };
  EXPECT_LE(relative_error(mean(changed, after), mean(model, before)), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Cases, FlapOnFamilies, ::testing::ValuesIn(golden_cases_with_plain_ffns()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace assay::flap
