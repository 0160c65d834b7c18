// The greedy allocation against every allocation there is.
#include "methods/teal/allocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::teal {
namespace {

using Shares = std::vector<double>;

/// Sum of a_i s_i^b_i: convex, and no site minds another.
struct Separable {
  Shares scale, power;
  double operator()(const Shares& s) const {
    double sum = 0;
    for (std::size_t i = 0; i < s.size(); ++i) sum += scale[i] * std::pow(s[i], power[i]);
    return sum;
  }
};

/// The least error of all ways to raise three sites `raises` times, each by the same bytes.
double least_error(const std::vector<std::int64_t>& bytes, double raise, int raises,
                   const Separable& error) {
  double least = std::numeric_limits<double>::infinity();
  for (int a = 0; a <= raises; ++a) {
    for (int b = 0; a + b <= raises; ++b) {
      const Shares shares = {a * raise / static_cast<double>(bytes[0]),
                             b * raise / static_cast<double>(bytes[1]),
                             (raises - a - b) * raise / static_cast<double>(bytes[2])};
      if (*std::max_element(shares.begin(), shares.end()) <= 1) {
        least = std::min(least, error(shares));
      }
    }
  }
  return least;
}

TEST(GreedyAllocation, OfAConvexErrorIsTheBestThereIs) {
  const std::vector<std::int64_t> bytes = {100, 200, 300};
  const double step = 0.1, raise = step * 600 / 3;
  for (const Separable& error : {Separable{{1, 1, 1}, {2, 2, 2}}, Separable{{5, 1, 2}, {3, 1.5, 2}},
                                 Separable{{0.1, 9, 9}, {1, 2, 4}}}) {
    for (const int raises : {1, 5, 14, 25}) {
      const double target = raises * raise / 600;
      const Shares shares = allocate_greedily(bytes, {target, step}, error);
      EXPECT_NEAR(weighted_sparsity(bytes, shares), target, 1e-9);
      EXPECT_NEAR(error(shares), least_error(bytes, raise, raises, error), 1e-9);
    }
  }
}

TEST(GreedyAllocation, MeetsATargetBetweenTwoSteps) {
  const Separable error{{1, 2}, {2, 2}};
  for (const double target : {0.0, 0.03, 0.4, 0.777, 1.0}) {
    const Shares shares = allocate_greedily({64, 512}, {target, 0.05}, error);
    EXPECT_NEAR(weighted_sparsity({64, 512}, shares), target, 1e-9);
    for (const double share : shares)
      EXPECT_THAT(share, ::testing::AllOf(::testing::Ge(0), ::testing::Le(1)));
  }
}

TEST(GreedyAllocation, WeighsAnErrorByTheBytesThatItBuys) {
  // The small site hurts less, but what is left of it saves next to nothing.
  const auto error = [](const Shares& s) { return 0.02 * s[0] + 0.5 * s[1]; };
  const Shares shares = allocate_greedily({1, 100}, {0.5, 0.1}, error);
  // A byte of the small site costs 0.02, one of the large site 0.005.
  EXPECT_EQ(shares[0], 0);
}

TEST(GreedyAllocation, AsksOnceASiteAndRound) {
  int asked = 0;
  (void)allocate_greedily({10, 10, 10}, {0.1, 0.1}, [&](const Shares&) { return ++asked; });
  EXPECT_EQ(asked, 1 + 3 * 3);
}

}  // namespace
}  // namespace assay::teal
