// Real samples of a busy two-core machine (scripts/golden/timing_series.py and, beside noisy
// neighbours, scripts/measurement/record.py), judged again: the engine must say the same of them on
// every machine. Broken variants of the same samples must be refused by name.

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "harness/judge/judge_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

struct Outcome {
  int comparisons = 0, worse = 0, better = 0;
};

Json comparisons_of(const char* file) {
  return read_json_file(source_dir() / "tests/data/judge" / file).at("comparisons");
}

Arms arms_of(const Json& one) {
  return {one.at("a").get<std::vector<double>>(), one.at("b").get<std::vector<double>>()};
}

Outcome replay(double extra, double threshold) {
  const Json comparisons = comparisons_of("timing_series.json");
  Rules rules;
  rules.time_threshold = threshold;
  Outcome outcome;
  for (const Json& one : comparisons) {
    if (std::abs(one.at("extra").get<double>() - extra) > 1e-9) continue;
    const Judgement judgement = judge_arms(arms_of(one), rules);
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

TEST(Replay, TwiceTheWorkIsBetterTheOtherWayRound) {
  for (const Json& one : comparisons_of("timing_series.json")) {
    if (one.at("extra").get<double>() < 0.9) continue;
    const Arms arms = arms_of(one);
    EXPECT_EQ(judge_arms({arms.b, arms.a}, {}).verdict, Verdict::kBetter);
  }
}

TEST(Replay, NoisyNeighboursMakeNoVerdict) {
  const Json comparisons = comparisons_of("recorded.json");
  ASSERT_FALSE(comparisons.empty());
  for (const Json& one : comparisons) {
    ASSERT_EQ(one.at("slowdown"), 0.0);
    const Verdict verdict = judge_arms(arms_of(one), {}).verdict;
    EXPECT_TRUE(verdict == Verdict::kSame || verdict == Verdict::kNotWorse ||
                verdict == Verdict::kAmbiguous)
        << one.dump();
  }
}

/// A recorded pair as cells, to be broken.
struct Sides {
  CellRecord a, b;
};

Sides twice_as_slow() {
  for (const Json& one : comparisons_of("timing_series.json")) {
    if (one.at("extra").get<double>() < 0.9) continue;
    const Arms arms = arms_of(one);
    return {timed_cell("dense", arms.a), timed_cell("dense", arms.b)};
  }
  throw std::logic_error("no recorded pair with twice the work");
}

Judgement verdict_of(const Sides& sides) {
  const Comparison comparison = compare_cells({sides.a}, {sides.b}, {});
  EXPECT_EQ(comparison.rows.size(), 1U);
  return comparison.rows.at(0).judgement;
}

void expect_refused(const std::string& reason, const std::function<void(Sides&)>& harm) {
  Sides sides = twice_as_slow();
  harm(sides);
  const Judgement judgement = verdict_of(sides);
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured) << reason;
  EXPECT_TRUE(has_reason(judgement, reason)) << reason;
}

TEST(Replay, BrokenSamplesAreRefusedByName) {
  ASSERT_EQ(verdict_of(twice_as_slow()).verdict, Verdict::kWorse);
  expect_refused("bad_samples", [](Sides& sides) {
    sides.b.metrics[0].processes[3].values[0] = std::numeric_limits<double>::quiet_NaN();
  });
  expect_refused("bad_samples",
                 [](Sides& sides) { sides.a.metrics[0].processes[0].values[0] = 0; });
  expect_refused("missing_candidate", [](Sides& sides) { sides.b.metrics.clear(); });
  expect_refused("convention_differs",
                 [](Sides& sides) { sides.b.metrics[0].def.convention = "batch 8"; });
  expect_refused("key_differs",
                 [](Sides& sides) { sides.b.key_doc["profile"]["fingerprint"]["threads"] = 2; });
  expect_refused("key_differs", [](Sides& sides) { sides.b.key_doc["model"]["hash"] = "m1"; });
  expect_refused("key_differs", [](Sides& sides) { sides.b.key_doc["suite"]["data"] = "d1"; });
  expect_refused("not_ok", [](Sides& sides) { sides.b.status = "INVALID"; });
}

TEST(Replay, OneProcessDecidesNothing) {
  Sides sides = twice_as_slow();
  sides.a.metrics[0].processes.resize(1);
  sides.b.metrics[0].processes.resize(1);
  const Judgement judgement = verdict_of(sides);
  EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(judgement, "one_process"));
}

}  // namespace
}  // namespace assay
