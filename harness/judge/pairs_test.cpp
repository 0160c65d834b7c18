#include "harness/judge/pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

std::optional<Pairs> pairs_of(const CellRecord& a, const CellRecord& b, const std::string& tag) {
  LogMedians medians;
  return assay::pairs_of(a, b, tag, medians);
}

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;

CellRecord with_rate(const std::string& method, const std::vector<double>& medians,
                     const std::string& session = "s1") {
  CellRecord cell = timed_cell(method, medians, session);
  cell.metrics.push_back(value_metric("decode/tokens_per_s", 1 / median(medians), "tokens/s", 1));
  return cell;
}

TEST(Pairs, OfProcessesAreDifferencesOfLogs) {
  const auto pairs = pairs_of(timed_cell("dense", {1, 2, 4}), timed_cell("wanda", {2, 2, 2}),
                              "decode/token_latency");
  ASSERT_TRUE(pairs.has_value());
  EXPECT_TRUE(pairs->logs);
  EXPECT_THAT(pairs->differences,
              ElementsAre(DoubleNear(std::log(2.0), 1e-12), DoubleNear(0, 1e-12),
                          DoubleNear(-std::log(2.0), 1e-12)));
}

TEST(Pairs, ARateIsTheInverseOfItsTime) {
  const auto pairs =
      pairs_of(with_rate("dense", {1, 2}), with_rate("wanda", {2, 2}), "decode/tokens_per_s");
  ASSERT_TRUE(pairs.has_value());
  EXPECT_THAT(pairs->differences,
              ElementsAre(DoubleNear(-std::log(2.0), 1e-12), DoubleNear(0, 1e-12)));
}

TEST(Pairs, OtherSessionsOrCountsAreNone) {
  const std::string tag = "decode/token_latency";
  EXPECT_FALSE(pairs_of(timed_cell("dense", {1, 2}), timed_cell("wanda", {1, 2}, "s2"), tag));
  EXPECT_FALSE(pairs_of(timed_cell("dense", {1, 2}), timed_cell("wanda", {1, 2, 3}), tag));
  EXPECT_FALSE(pairs_of(timed_cell("dense", {1}), timed_cell("wanda", {1}), tag));
  EXPECT_FALSE(pairs_of(timed_cell("dense", {1, 0}), timed_cell("wanda", {1, 1}), tag));
  EXPECT_FALSE(pairs_of(timed_cell("dense", {1, 2}), timed_cell("wanda", {1, 2}), "acc"));
}

TEST(Pairs, OfItemsAreByItem) {
  const auto pairs = pairs_of(scored_cell("dense", {true, false, true}),
                              scored_cell("wanda", {false, false, true}), "acc");
  ASSERT_TRUE(pairs.has_value());
  EXPECT_FALSE(pairs->logs);
  EXPECT_THAT(pairs->differences, ElementsAre(DoubleEq(-1), DoubleEq(0), DoubleEq(0)));
  EXPECT_FALSE(pairs_of(scored_cell("dense", {true, false}), scored_cell("wanda", {true}), "acc"));
}

}  // namespace
}  // namespace assay
