// Least squares against a library's, and the whole method on small random models.
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_lstsq.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/base/errors.h"
#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "methods/ffn_linear/affine_moments.h"

namespace assay {
void register_ffn_linear(MethodRegistry& registry);
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Data {
  at::Tensor x = at::randn({300, 12}, at::kDouble).add(0.7);
  at::Tensor y =
      at::mm(x, at::randn({12, 5}, at::kDouble)).add(2).add(at::randn({300, 5}, at::kDouble));

  [[nodiscard]] AffineMoments moments() const {
    AffineMoments sums;
    for (std::int64_t i = 0; i < 300; i += 75) sums.add(x.narrow(0, i, 75), y.narrow(0, i, 75));
    return sums;
  }
};

TEST(AffineMoments, WithoutDampingAreOrdinaryLeastSquares) {
  const Data data;
  double used = -1;
  const AffineMap map = data.moments().solve(0, used);
  const at::Tensor with_one = at::cat({data.x, at::ones({300, 1}, at::kDouble)}, 1);
  const at::Tensor truth = std::get<0>(at::linalg_lstsq(with_one, data.y));
  EXPECT_EQ(used, 0);
  EXPECT_TRUE(map.weight.t().allclose(truth.narrow(0, 0, 12), 1e-9, 1e-9));
  EXPECT_TRUE(map.bias.allclose(truth[12], 1e-9, 1e-9));
}

TEST(AffineMoments, ErrorIsThatOfTheRows) {
  const Data data;
  double used = 0;
  const AffineMoments moments = data.moments();
  const AffineMap map = moments.solve(0.3, used);
  const at::Tensor error = at::mm(data.x, map.weight.t()).add(map.bias).sub(data.y);
  const at::Tensor spread = data.y.sub(data.y.mean(0));
  const double direct = error.square().sum().item<double>() / spread.square().sum().item<double>();
  EXPECT_NEAR(moments.normalised_error(map), direct, 1e-10);
}

// As behind a layer norm: what differs from the constant is the rounding of fp32.
TEST(AffineMoments, InputsThatSumToAConstantGetDamping) {
  const Data data;
  at::Tensor x = data.x.to(at::kFloat);
  x.select(1, 5).sub_(x.sum(1));
  AffineMoments moments;
  moments.add(x, data.y);
  double used = 0;
  const AffineMap map = moments.solve(0, used);
  EXPECT_GT(used, 0);
  EXPECT_LT(map.weight.abs().max().item<double>(), 10) << "and not a multiple of the rounding";
}

TEST(AffineMoments, InputsThatNeverVaryGetDamping) {
  const Data data;
  AffineMoments moments;
  at::Tensor x = data.x.clone();
  x.select(1, 3).fill_(0);
  moments.add(x, data.y);
  double used = 0;
  const AffineMap map = moments.solve(0, used);
  EXPECT_GT(used, 0);
  EXPECT_LT(used, 1e-3);
  EXPECT_LT(map.weight.select(1, 3).abs().max().item<double>(), 1e-9);
}

class FfnLinear : public ::testing::Test {
 protected:
  FfnLinear() { register_ffn_linear(registry_); }
  [[nodiscard]] const Method& method() const { return registry_.get("ffn_linear"); }
  static Model random_model(TinyFamily family) {
    const RecordingContext place({}, 0, {});
    write_tiny_model(place.scratch() / "m", family, 5);
    return Model::load(place.scratch() / "m", LoadOptions{});
  }
  c10::InferenceMode inference_;
  MethodRegistry registry_;
};

TEST_F(FfnLinear, BecomesOneProductInPlainAndGatedModels) {
  for (const TinyFamily family : {TinyFamily::kOpt, TinyFamily::kLlama}) {
    Model model = random_model(family);
    RecordingContext context(at::randint(0, kTinyVocab, {16, 32}, at::kLong), 0, {});
    const Params params(method().info().params, {{"skip_layers", {2}}});
    method().apply(model, method().fit(model, context, params));
    const std::int64_t width = model.spec().width;
    EXPECT_EQ(model.layers()[0].ffn->cost().params, width * width + width);
    EXPECT_EQ(model.layers()[0].ffn->linear(Slot::kDown), nullptr);
    EXPECT_NE(model.layers()[2].ffn->linear(Slot::kDown), nullptr);
    EXPECT_LT(context.metrics.at("nmse/layer.0"), 1);
    EXPECT_TRUE(context.warnings.empty());
  }
}

TEST_F(FfnLinear, WarnsOfFewTokensAndDamps) {
  const Model model = random_model(TinyFamily::kOpt);
  RecordingContext context(at::randint(0, kTinyVocab, {2, 16}, at::kLong), 0, {});
  static_cast<void>(method().fit(model, context, Params(method().info().params, Json::object())));
  EXPECT_THAT(context.warnings,
              Contains(Pair("few_calibration_tokens", HasSubstr("16 calibration tokens"))));
}

TEST_F(FfnLinear, ActivationsThatAreNotFiniteAreAnError) {
  Model model = random_model(TinyFamily::kOpt);
  model.layers()[0].dense(Slot::kUp).bias().fill_(std::numeric_limits<double>::quiet_NaN());
  RecordingContext context(at::randint(0, kTinyVocab, {8, 32}, at::kLong), 0, {});
  EXPECT_THROW(static_cast<void>(
                   method().fit(model, context, Params(method().info().params, Json::object()))),
               UserError);
}

TEST_F(FfnLinear, LayersThatAreNotThereAreUnmet) {
  const Model model = random_model(TinyFamily::kOpt);
  const Params params(method().info().params, {{"skip_layers", {3}}});
  EXPECT_THAT(method().unmet(model.spec(), params), ::testing::ElementsAre(HasSubstr("0 to 2")));
}

}  // namespace
}  // namespace assay
