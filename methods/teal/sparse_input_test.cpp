// One site by loops: what it computes, reads and tells in each of its forms.
#include "methods/teal/sparse_input.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "harness/base/cell_errors.h"
#include "methods/teal/teal_fixture.h"

namespace assay::teal {
namespace {

constexpr std::int64_t kInputs = 72;
constexpr double kThreshold = 0.6;

std::vector<InputMajor::Part> parts_of(const std::vector<DenseLinear>& linears) {
  constexpr Slot kSlots[] = {Slot::kQ, Slot::kK, Slot::kV};
  std::vector<InputMajor::Part> parts;
  for (std::size_t i = 0; i < linears.size(); ++i) {
    parts.push_back({kSlots[i], std::make_unique<DenseLinear>(linears[i])});
  }
  return parts;
}

SparseInput site_of(const std::vector<DenseLinear>& linears, double threshold) {
  InputMajor matrices(parts_of(linears));
  Threshold compare(RoutingSite::kQkvInput, kInputs, threshold, false, linears.front().weight());
  return {std::move(matrices), std::move(compare)};
}

class Sites : public ::testing::TestWithParam<std::tuple<at::ScalarType, bool>> {
 protected:
  Sites() {
    at::manual_seed(8);
    for (const std::int64_t out : {40, 24, 33}) {
      linears_.push_back(random_linear(out, kInputs, biased(), dtype()));
    }
  }
  static at::ScalarType dtype() { return std::get<0>(GetParam()); }
  static bool biased() { return std::get<1>(GetParam()); }
  static double tolerance() { return dtype() == at::kFloat ? 2e-6 : 5e-3; }
  [[nodiscard]] at::Tensor naive(const at::Tensor& rows, double threshold) const {
    std::vector<at::Tensor> products;
    for (const DenseLinear& linear : linears_) {
      products.push_back(naive_product(rows, linear, threshold));
    }
    return at::cat(products, 1);
  }
  static at::Tensor rows(std::int64_t count) { return at::randn({count, kInputs}).to(dtype()); }

  const at::NoGradGuard as_in_the_worker_;
  std::vector<DenseLinear> linears_;
};

TEST_P(Sites, ComputeWhatLoopsDoInEveryForm) {
  for (const double threshold :
       {kNoThreshold, 0.0, kThreshold, std::numeric_limits<double>::infinity()}) {
    const SparseInput site = site_of(linears_, threshold);
    const at::Tensor x = rows(70);
    EXPECT_EQ(site.forward(x, scoring()).scalar_type(), dtype());
    const at::Tensor expected = naive(x, threshold);
    const double scale = std::max(1.0, expected.abs().max().item<double>());
    const auto error = [&](const at::Tensor& y, const at::Tensor& truth) {
      return y.to(at::kDouble).sub(truth).abs().max().item<double>() / scale;
    };
    EXPECT_LT(error(site.forward(x, scoring()), expected), tolerance()) << threshold;
    for (const std::int64_t batch : {1, 2, 5}) {
      const at::Tensor y = site.forward(x.narrow(0, 3, batch), decoding(batch));
      EXPECT_EQ(y.scalar_type(), dtype());
      EXPECT_LT(error(y, expected.narrow(0, 3, batch)), tolerance()) << threshold << ' ' << batch;
    }
  }
}

TEST_P(Sites, DecodingGivesTheSameBitsForAnyNumberOfThreads) {
  const SparseInput site = site_of(linears_, kThreshold);
  const at::Tensor x = rows(1);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor alone = site.forward(x, decoding(1));
  at::set_num_threads(3);
  EXPECT_TRUE(alone.equal(site.forward(x, decoding(1))));
  at::set_num_threads(threads);
}

TEST_P(Sites, TellWhatEachRowUsedAndRead) {
  const SparseInput site = site_of(linears_, kThreshold);
  const at::Tensor x = rows(2);
  const std::vector<double> counts = naive_counts(x, kThreshold);
  ASSERT_NE(counts[0], counts[1]);
  const double row_bytes = (40 + 24 + 33) * (dtype() == at::kFloat ? 4 : 2);
  for (StepContext step : {scoring(), decoding(1)}) {
    Told told;
    step.observer = &told;
    (void)site.forward(step.phase == Phase::kScore ? x : x.narrow(0, 0, 1), step);
    EXPECT_NEAR(told.of(kInputShare, 0), counts[0] / kInputs, 1e-6);
    EXPECT_EQ(told.of(kTouchedBytes, 0), counts[0] * row_bytes);
    EXPECT_EQ(told.of(kFlopsPerToken, 0), counts[0] * 2 * (40 + 24 + 33));
    if (step.phase == Phase::kDecode) continue;
    EXPECT_EQ(told.of(kTouchedBytes, 1), counts[1] * row_bytes);
  }
}

TEST_P(Sites, SeveralSequencesReadTheWholeMatrixOnceWhereThatIsLess) {
  const double row_bytes = (40 + 24 + 33) * (dtype() == at::kFloat ? 4 : 2);
  const at::Tensor x = rows(2);
  for (const double threshold : {0.1, 2.0}) {  // nearly all, hardly any
    const std::vector<double> counts = naive_counts(x, threshold);
    const bool dense = counts[0] + counts[1] >= kInputs;
    ASSERT_EQ(dense, threshold == 0.1);
    Told told;
    StepContext step = decoding(2);
    step.observer = &told;
    (void)site_of(linears_, threshold).forward(x, step);
    EXPECT_NEAR(told.of(kInputShare, 1), counts[1] / kInputs, 1e-6);
    EXPECT_EQ(told.of(kTouchedBytes, 1), row_bytes * (dense ? kInputs : counts[1]));
  }
}

TEST_P(Sites, KeepOneCopyThatBothFormsAndTheSlotsShare) {
  SparseInput site = site_of(linears_, kThreshold);
  std::int64_t weights = 0;
  for (const DenseLinear& linear : linears_) weights += linear.cost().resident_bytes;
  EXPECT_EQ(site.cost().resident_bytes, weights + 2 * kInputs * 4);
  EXPECT_EQ(site.cost().params, (kInputs + (biased() ? 1 : 0)) * (40 + 24 + 33));
  EXPECT_LE(site.cost().touched_bytes, 2 * kInputs * 4 + (40 + 24 + 33) * 4);
  const at::Tensor x = rows(1);
  const auto* k = dynamic_cast<const DenseLinear*>(site.matrices().linear(Slot::kK));
  ASSERT_NE(k, nullptr);
  EXPECT_TRUE(k->weight().equal(linears_[1].weight()));
  k->weight().zero_();
  for (const StepContext& step : {scoring(), decoding(1)}) {
    const at::Tensor part = site.forward(x, step).narrow(1, 40, 24);
    const at::Tensor left = biased() ? linears_[1].bias().unsqueeze(0) : at::zeros({1, 24});
    EXPECT_TRUE(part.equal(left.to(dtype())));
  }
  EXPECT_FALSE(linears_[1].weight().eq(0).all().item<bool>()) << "the old ones are left alone";
}

TEST_P(Sites, NewTensorsOfAVisitorAreUsed) {
  SparseInput site = site_of(linears_, kThreshold);
  site.visit_tensors(
      [&](const std::string& name, at::Tensor& tensor) {
        if (name == "v.weight") tensor = at::zeros({33, kInputs}, tensor.options());
      },
      "teal.qkv_");
  linears_[2] =
      DenseLinear(at::zeros({33, kInputs}, linears_[2].weight().options()), linears_[2].bias());
  const at::Tensor x = rows(4), expected = naive(x, kThreshold);
  EXPECT_LT(apart(site.forward(x, scoring()), expected), tolerance());
  EXPECT_LT(apart(site.forward(x.narrow(0, 2, 1), decoding(1)), expected.narrow(0, 2, 1)),
            2 * tolerance());
}

INSTANTIATE_TEST_SUITE_P(Types, Sites,
                         ::testing::Combine(::testing::Values(at::kFloat, at::kBFloat16),
                                            ::testing::Bool()));

TEST(Site, UsesWhatIsNotANumber) {
  at::manual_seed(9);
  const SparseInput site = site_of({random_linear(8, kInputs, false, at::kFloat)}, kThreshold);
  at::Tensor x = at::zeros({1, kInputs});
  x[0][5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(site.forward(x, scoring()).isnan().all().item<bool>());
  EXPECT_TRUE(site.forward(x, decoding(1)).isnan().all().item<bool>());
}

TEST(Site, RefusesAMatrixThatIsNotDense) {
  class Other final : public Linear {
   public:
    at::Tensor forward(const at::Tensor& rows) const override { return rows; }
    std::int64_t in_features() const override { return kInputs; }
    std::int64_t out_features() const override { return 8; }
    void visit_tensors(const VisitTensor&) override {}
    Cost cost() const override { return {}; }
  };
  SparseInput site = site_of({random_linear(8, kInputs, false, at::kFloat)}, kThreshold);
  EXPECT_THROW(site.matrices().replace(Slot::kQ, std::make_unique<Other>()), DoesNotApply);
}

TEST(Site, HasGradientsInTheMaskedForm) {
  at::manual_seed(10);
  const DenseLinear linear = random_linear(8, kInputs, false, at::kFloat);
  const SparseInput site = site_of({linear}, kThreshold);
  const at::Tensor x = at::randn({1, kInputs}).requires_grad_(true);
  site.forward(x, decoding(1)).sum().backward();
  const at::Tensor expected = linear.weight().sum(0).mul(x.detach()[0].abs().gt(kThreshold));
  EXPECT_TRUE(x.grad()[0].allclose(expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace assay::teal
