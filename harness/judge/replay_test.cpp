// Real samples of a busy two-core machine (scripts/golden/timing_series.py), judged again: the
// engine must say the same of them on every machine.

#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

struct Outcome {
  int comparisons = 0, worse = 0, better = 0;
};

Outcome replay(double extra, double threshold) {
  const Json document = read_json_file(std::filesystem::path(ASSAY_SOURCE_DIR) /
                                       "tests/data/judge/timing_series.json");
  Rules rules;
  rules.time_threshold = threshold;
  Outcome outcome;
  for (const Json& one : document.at("comparisons")) {
    if (std::abs(one.at("extra").get<double>() - extra) > 1e-9) continue;
    const Judgement judgement = judge_arms(
        {one.at("a").get<std::vector<double>>(), one.at("b").get<std::vector<double>>()}, rules);
    ++outcome.comparisons;
    outcome.worse += judgement.verdict == Verdict::kWorse ? 1 : 0;
    outcome.better += judgement.verdict == Verdict::kBetter ? 1 : 0;
  }
  EXPECT_GT(outcome.comparisons, 0);
  return outcome;
}

TEST(Replay, IdenticalWorkIsNeverDifferent) {
  const Outcome outcome = replay(0.0, 0.05);
  EXPECT_EQ(outcome.worse, 0);
  EXPECT_EQ(outcome.better, 0);
}

TEST(Replay, ATenthMoreWorkIsFoundWhereLessIsAllowed) {
  const Outcome outcome = replay(0.1, 0.05);
  EXPECT_GE(outcome.worse, outcome.comparisons * 4 / 5);
}

TEST(Replay, AQuarterMoreAndTwiceTheWorkAreFound) {
  const Outcome quarter = replay(0.25, 0.10);
  EXPECT_EQ(quarter.worse, quarter.comparisons);
  const Outcome twice = replay(1.0, 0.10);
  EXPECT_EQ(twice.worse, twice.comparisons);
}

}  // namespace
}  // namespace assay
