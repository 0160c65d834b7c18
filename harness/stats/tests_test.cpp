// Hypothesis tests and bootstrap against SciPy (scripts/golden/stats_tests_goldens.py).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "harness/base/json.h"
#include "harness/stats/bootstrap.h"
#include "harness/stats/mcnemar.h"
#include "harness/stats/multiplicity.h"
#include "harness/stats/order_test.h"
#include "harness/stats/permutation.h"
#include "harness/stats/power.h"
#include "harness/stats/rank_test.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using Values = std::vector<double>;
constexpr double kTolerance = 1e-9;
const Alternative kAlternatives[] = {Alternative::kTwoSided, Alternative::kGreater,
                                     Alternative::kLess};

const Json& goldens() {
  static const Json kDocument = read_json_file(source_dir() / "tests/data/stats/tests.json");
  return kDocument;
}

void expect_interval(const Interval& got, const Json& wanted, const std::string& what) {
  EXPECT_NEAR(got.lo, wanted.at(0).get<double>(), kTolerance) << what;
  EXPECT_NEAR(got.hi, wanted.at(1).get<double>(), kTolerance) << what;
}

double double_of(const Json& value) { return value.get<double>(); }

TEST(RankTest, AgreesWithSciPy) {
  for (const Json& row : goldens().at("rank")) {
    for (const Alternative alternative : kAlternatives) {
      const TestResult got =
          rank_test(row.at("x").get<Values>(), row.at("y").get<Values>(), alternative);
      EXPECT_EQ(got.variant, row.at("variant"));
      EXPECT_EQ(got.statistic, double_of(row.at("u")));
      EXPECT_NEAR(got.p, double_of(row.at("p").at(alternative_name(alternative))), kTolerance)
          << row.dump();
    }
  }
}

// What others publish, written out here so that it does not depend on the script of the goldens:
// the cases of Google Benchmark's own comparer, and what tells the variants apart.
TEST(RankTest, GivesPublishedValues) {
  struct Case {
    Values x, y;
    double u, two_sided;
    const char* variant;
  };
  const std::vector<Case> cases = {
      {{90, 86}, {89, 72}, 3, 0.666667, "u_exact"},
      {{9, 8}, {10, 7}, 2, 1.0, "u_exact"},
      {{80, 77}, {75, 66.6, 1}, 6, 0.2, "u_exact"},
      {{8, 8}, {7, 4.54, 800}, 4, 0.767097, "u_asymptotic_tie_cc"},
      {{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, 0, 0.007937, "u_exact"},
      {{1.0, 1.1, 1.2, 1.3, 1.4, 1.5},
       {1.25, 1.35, 1.45, 1.55, 1.65, 1.75},
       6,
       0.064935,
       "u_exact"},
      {{1, 1, 2, 2, 3}, {2, 3, 3, 4, 4}, 3, 0.052412, "u_asymptotic_tie_cc"},
  };
  for (const Case& one : cases) {
    const TestResult got = rank_test(one.x, one.y, Alternative::kTwoSided);
    EXPECT_EQ(got.statistic, one.u);
    EXPECT_EQ(got.variant, one.variant);
    EXPECT_NEAR(got.p, one.two_sided, 1e-6) << one.two_sided;
  }
}

// 1 / C(2n, n) unpaired, 2^-n in pairs.
TEST(Permutation, StatesWhichLevelsCanBeReached) {
  const std::vector<std::tuple<int, double, double>> rows = {
      {2, 0.1667, 0.25},      {3, 0.05, 0.125},        {4, 0.01429, 0.0625},
      {5, 0.003968, 0.03125}, {6, 0.001082, 0.015625}, {7, 0.0002914, 0.0078125},
      {8, 7.77e-5, 0.003906}, {10, 5.41e-6, 9.77e-4},  {12, 3.70e-7, 2.44e-4}};
  for (const auto& [n, unpaired, paired] : rows) {
    Values low, high, differences;
    for (int i = 0; i < n; ++i) {
      low.push_back(i);
      high.push_back(100 + i);
      differences.push_back(100);
    }
    EXPECT_NEAR(rank_test(high, low, Alternative::kGreater).least_p, unpaired, unpaired * 2e-3);
    EXPECT_NEAR(sign_flip_test(differences, Alternative::kGreater).least_p, paired, paired * 2e-3);
  }
}

// With drift only the pairs see the difference: p = 2 / 64 against 0.39.
TEST(Permutation, PairingMattersWhereTheMachineDrifts) {
  const Values a{10, 11, 12, 13, 14, 15}, b{10.4, 11.3, 11.9, 13.6, 14.5, 15.2};
  const TestResult free = permutation_test(b, a, mean, Alternative::kGreater);
  EXPECT_NEAR(free.statistic, 0.316667, 1e-6);
  EXPECT_NEAR(free.p, 0.390693, 1e-6);
  Values logs;
  for (std::size_t i = 0; i < a.size(); ++i) logs.push_back(std::log(b[i] / a[i]));
  const TestResult pairs = sign_flip_test(logs, Alternative::kGreater);
  EXPECT_NEAR(pairs.statistic, 0.025203, 1e-6);
  EXPECT_EQ(pairs.p, 2.0 / 64);
}

TEST(McNemarTest, GivesPublishedValues) {
  const std::vector<std::tuple<int, int, double, double>> rows = {
      {10, 2, 0.038574, 0.022461},  {0, 0, 1, 1},
      {5, 5, 1, 0.753906},          {1, 0, 1, 0.5},
      {6, 0, 0.03125, 0.015625},    {25, 12, 0.047031, 0.033552},
      {120, 95, 0.101452, 0.088703}};
  for (const auto& [b, c, exact, mid] : rows) {
    EXPECT_NEAR(mcnemar(b, c).exact, exact, 1e-6);
    EXPECT_NEAR(mcnemar(b, c).mid_p, mid, 1e-6);
  }
}

TEST(RankTest, EqualValuesSayNothing) {
  const TestResult got = rank_test(Values{10, 10, 10}, Values{10, 10, 10}, Alternative::kTwoSided);
  EXPECT_EQ(got.p, 1);
  EXPECT_EQ(got.statistic, 4.5);
  EXPECT_EQ(got.variant, "u_asymptotic_tie_cc");
}

TEST(RankTest, StatesTheSmallestAttainableP) {
  const TestResult three = rank_test(Values{1, 2, 3}, Values{4, 5, 6}, Alternative::kLess);
  EXPECT_NEAR(three.p, 0.05, 1e-12);
  EXPECT_NEAR(three.least_p, 0.05, 1e-12);
}

TEST(Permutation, FreeExchangeAgreesWithSciPy) {
  for (const Json& row : goldens().at("permutation")) {
    const Statistic statistic = row.at("of") == "mean" ? Statistic(mean) : Statistic(median);
    for (const Alternative alternative : kAlternatives) {
      const TestResult got = permutation_test(row.at("x").get<Values>(), row.at("y").get<Values>(),
                                              statistic, alternative);
      EXPECT_EQ(got.variant, "perm_exact");
      EXPECT_NEAR(got.statistic, double_of(row.at("statistic")), kTolerance);
      EXPECT_NEAR(got.p, double_of(row.at("p").at(alternative_name(alternative))), kTolerance);
    }
  }
}

TEST(Permutation, SignFlipsAgreeWithSciPy) {
  for (const Json& row : goldens().at("sign_flip")) {
    const auto differences = row.at("differences").get<Values>();
    for (const Alternative alternative : kAlternatives) {
      const TestResult got = sign_flip_test(differences, alternative);
      EXPECT_EQ(got.variant, "signflip_exact");
      EXPECT_NEAR(got.statistic, double_of(row.at("statistic")), kTolerance);
      EXPECT_NEAR(got.p, double_of(row.at("p").at(alternative_name(alternative))), kTolerance);
      const TestResult blocks_of_one = block_flip_test(differences, 1, alternative);
      EXPECT_EQ(blocks_of_one.p, got.p);
      EXPECT_EQ(blocks_of_one.variant, "blockflip_exact");
    }
  }
}

TEST(Permutation, BlocksChangeSignTogether) {
  // Two blocks: (1, 1) and (1, 1, incomplete). Four arrangements, one as large as the observed.
  const TestResult got = block_flip_test(Values{1, 1, 1}, 2, Alternative::kGreater);
  EXPECT_EQ(got.p, 0.25);
  EXPECT_EQ(got.n, 2U);
  EXPECT_EQ(got.least_p, 0.25);
  EXPECT_EQ(got.statistic, 1.0);
}

TEST(Permutation, RandomArrangementsComeNearTheExactOnes) {
  const auto differences = goldens().at("sign_flip").at(2).at("differences").get<Values>();
  PermutationLimits limits;
  const double exact = sign_flip_test(differences, Alternative::kGreater, limits).p;
  limits.exact_pairs = 4;
  const TestResult random = sign_flip_test(differences, Alternative::kGreater, limits);
  EXPECT_EQ(random.variant, "signflip_mc");
  EXPECT_EQ(random.draws, limits.draws);
  EXPECT_EQ(random.seed, limits.seed);
  // Five standard errors of a share of 100,000.
  EXPECT_NEAR(random.p, exact, 5 * std::sqrt(exact * (1 - exact) / 1e5));
  EXPECT_EQ(sign_flip_test(differences, Alternative::kGreater, limits).p, random.p);

  const Json& row = goldens().at("permutation").at(0);
  limits.exact_splits = 10;
  limits.draws = 20'000;
  const TestResult split = permutation_test(row.at("x").get<Values>(), row.at("y").get<Values>(),
                                            mean, Alternative::kLess, limits);
  EXPECT_EQ(split.variant, "perm_mc");
  EXPECT_NEAR(split.p, double_of(row.at("p").at("less")), 0.002);
  EXPECT_GT(split.p, 0);
}

TEST(Permutation, PIsNeverZeroAndItsLeastIsStated) {
  const Values seven(7, 0.1);
  const TestResult got = sign_flip_test(seven, Alternative::kGreater);
  EXPECT_EQ(got.p, 1.0 / 128);
  EXPECT_EQ(got.least_p, 1.0 / 128);
  EXPECT_EQ(sign_flip_test(seven, Alternative::kTwoSided).least_p, 2.0 / 128);
  const Values thirty(30, 0.1);
  EXPECT_EQ(sign_flip_test(thirty, Alternative::kGreater).p, 1.0 / 100'001);
}

/// By going through all orders.
double exact_order_p(Values values, double observed) {
  const double center = mean(values);
  double spread = 0;
  for (const double value : values) spread += (value - center) * (value - center);
  std::sort(values.begin(), values.end());
  int hits = 0, total = 0;
  do {
    double sum = 0;
    for (std::size_t i = 1; i < values.size(); ++i) sum += std::pow(values[i] - values[i - 1], 2);
    hits += sum / spread <= observed + 1e-12 ? 1 : 0;
    ++total;
  } while (std::next_permutation(values.begin(), values.end()));
  return static_cast<double>(hits) / total;
}

TEST(OrderTest, ComesNearAllOrders) {
  PermutationLimits limits;
  limits.draws = 20'000;
  for (const Values& values :
       {Values{1, 2, 3.5, 4, 5.1, 6}, Values{3, 1, 4, 1.5, 9, 2.6}, Values{1, 6, 2, 5.1, 3.5, 4}}) {
    const TestResult got = order_test(values, limits);
    const double exact = exact_order_p(values, got.statistic);
    EXPECT_NEAR(got.p, exact, 5 * std::sqrt(exact * (1 - exact) / 20'000) + 1e-4);
    EXPECT_EQ(got.variant, "order_mc");
  }
  // 1 to 4: successive 3, around the mean 5.
  EXPECT_NEAR(order_test(Values{1, 2, 3, 4}, limits).statistic, 0.6, 1e-12);
  EXPECT_EQ(order_test(Values{2, 2, 2}, limits).p, 1);
  EXPECT_THROW(order_test(Values{1, 2}, limits), std::invalid_argument);
}

TEST(McNemarTest, AgreesWithSciPy) {
  for (const Json& row : goldens().at("mcnemar")) {
    const McNemar got = mcnemar(row.at("b"), row.at("c"));
    EXPECT_NEAR(got.exact, double_of(row.at("exact")), kTolerance) << row.dump();
    EXPECT_NEAR(got.mid_p, double_of(row.at("mid_p")), kTolerance) << row.dump();
    EXPECT_NEAR(got.chi_square_p, double_of(row.at("chi_square_p")), kTolerance) << row.dump();
  }
}

TEST(Bootstrap, BcaAgreesWithSciPy) {
  for (const Json& row : goldens().at("bca")) {
    const auto samples = row.at("samples").get<std::vector<Values>>();
    const std::string of = row.at("of");
    const Resampling resampling{row.at("resamples"), row.at("seed"), 0.95};
    const auto ratio = [](std::span<const double> a, std::span<const double> b) {
      return mean(b) / mean(a);
    };
    const Statistic statistic = of == "mean"     ? Statistic(mean)
                                : of == "median" ? Statistic(median)
                                                 : Statistic(sample_standard_deviation);
    const BootstrapEstimate got = samples.size() == 2
                                      ? paired_bootstrap(samples[0], samples[1], ratio, resampling)
                                      : bootstrap_estimate(samples[0], statistic, resampling);
    EXPECT_NEAR(got.value, double_of(row.at("value")), kTolerance) << of;
    EXPECT_NEAR(got.std_error, double_of(row.at("std_error")), kTolerance) << of;
    expect_interval(got.percentile, row.at("percentile"), of + " percentile");
    ASSERT_TRUE(got.bca.has_value()) << of;
    expect_interval(*got.bca, row.at("bca"), of + " bca");
  }
}

TEST(Bootstrap, BcaIsAbsentWhereItIsNotDefined) {
  EXPECT_FALSE(bootstrap_estimate(Values{2.0}, mean).bca.has_value());
  const BootstrapEstimate constant = bootstrap_estimate(Values{2.0, 2.0, 2.0}, mean);
  ASSERT_TRUE(constant.bca.has_value());
  EXPECT_EQ(constant.bca->lo, 2.0);
  EXPECT_EQ(constant.bca->hi, 2.0);
}

TEST(Bootstrap, RatioOfMediansCoversTheTruth) {
  Values a, b;
  for (int i = 0; i < 15; ++i) {
    a.push_back(1 + 0.01 * i);
    b.push_back(1.2 + 0.012 * ((7 * i) % 15));
  }
  const BootstrapEstimate got = ratio_of_medians(a, b);
  EXPECT_NEAR(got.value, 1.2, 1e-12);
  EXPECT_LT(got.percentile.lo, 1.2);
  EXPECT_GT(got.percentile.hi, 1.2);
  EXPECT_GT(got.percentile.lo, 1.1);
  EXPECT_LT(got.percentile.hi, 1.3);
}

TEST(Holm, AgreesWithItsDefinition) {
  for (const Json& row : goldens().at("holm")) {
    const Values got = holm_adjusted(row.at("p").get<Values>());
    EXPECT_THAT(got,
                testing::Pointwise(testing::DoubleNear(1e-12), row.at("adjusted").get<Values>()));
  }
}

TEST(Power, MinimumDetectableEffect) {
  const double z = double_of(goldens().at("mde_z"));
  EXPECT_NEAR(minimum_detectable_effect(0.05, 25), z * 0.01, 1e-9);
  EXPECT_NEAR(minimum_detectable_difference(0.03, 9, 0.04, 16), z * std::sqrt(2e-4), 1e-9);
}

TEST(Tests, RefuseWhatIsOutsideTheirDomain) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const Values fine{1.0, 2.0};
  EXPECT_THROW(rank_test(Values{}, fine, Alternative::kLess), std::invalid_argument);
  EXPECT_THROW(rank_test(fine, Values{nan}, Alternative::kLess), std::invalid_argument);
  EXPECT_THROW(sign_flip_test(Values{}, Alternative::kLess), std::invalid_argument);
  EXPECT_THROW(sign_flip_test(Values{infinity}, Alternative::kLess), std::invalid_argument);
  EXPECT_THROW(block_flip_test(fine, 0, Alternative::kLess), std::invalid_argument);
  EXPECT_THROW(permutation_test(fine, Values{nan}, mean, Alternative::kLess),
               std::invalid_argument);
  EXPECT_THROW(mcnemar(-1, 2), std::invalid_argument);
  EXPECT_THROW(holm_adjusted(Values{0.5, nan}), std::invalid_argument);
  EXPECT_THROW(holm_adjusted(Values{1.5}), std::invalid_argument);
  EXPECT_THROW(minimum_detectable_effect(0.1, 0), std::invalid_argument);
  EXPECT_THROW(minimum_detectable_effect(-0.1, 3), std::invalid_argument);
  EXPECT_THROW(minimum_detectable_effect(0.1, 3, 1.0), std::invalid_argument);
  EXPECT_THROW(bootstrap_estimate(Values{nan, 1.0}, mean), std::invalid_argument);
  EXPECT_THROW(paired_bootstrap(fine, Values{1.0}, [](auto, auto) { return 0.0; }),
               std::invalid_argument);
  EXPECT_THROW(ratio_of_medians(fine, Values{0.0}), std::invalid_argument);
}

}  // namespace
}  // namespace assay
