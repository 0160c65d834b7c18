// Verdicts about times, mostly on simulated machines: rates, not single outcomes, are what counts.

#include "harness/judge/times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

using Values = std::vector<double>;

struct Rates {
  int worse = 0, better = 0, same = 0, ambiguous = 0;
};

Rates rates(double slowdown, const Rules& rules, int trials, bool paired = true,
            const Machine& machine = {}) {
  std::mt19937 random(20260101);
  Rates counted;
  for (int i = 0; i < trials; ++i) {
    const Arms arms = simulate(slowdown, 12, random, machine);
    switch (judge_arms(arms, rules, paired).verdict) {
      case Verdict::kWorse:
        ++counted.worse;
        break;
      case Verdict::kBetter:
        ++counted.better;
        break;
      case Verdict::kSame:
        ++counted.same;
        break;
      default:
        ++counted.ambiguous;
    }
  }
  return counted;
}

Rules quick(double threshold) {
  Rules rules;
  rules.time_threshold = threshold;
  rules.resamples = 200;
  return rules;
}

constexpr int kTrials = 500;

TEST(TimesOnADriftingMachine, IdenticalArmsAreHardlyEverDifferent) {
  const Rates strict = rates(1.0, quick(0.05), 2000);
  RecordProperty("worse_of_2000", strict.worse);
  RecordProperty("same_of_2000", strict.same);
  EXPECT_LE(strict.worse + strict.better, 100);  // 5 %
  const Rates usual = rates(1.0, quick(0.10), 2000);
  EXPECT_EQ(usual.worse, 0);
  EXPECT_EQ(usual.better, 0);
}

TEST(TimesOnADriftingMachine, TwoPercentIsNeverWorseAtTen) {
  EXPECT_EQ(rates(1.02, quick(0.10), 2000).worse, 0);
}

TEST(TimesOnADriftingMachine, TenPercentIsFoundWhenFiveAreAllowed) {
  const Rates found = rates(1.10, quick(0.05), kTrials);
  RecordProperty("worse_of_500", found.worse);
  EXPECT_GE(found.worse, kTrials * 80 / 100);
  EXPECT_EQ(found.better, 0);
}

TEST(TimesOnADriftingMachine, TwentyFivePercentIsFoundWhenTenAreAllowed) {
  const Rates found = rates(1.25, quick(0.10), kTrials);
  RecordProperty("worse_of_500", found.worse);
  EXPECT_GE(found.worse, kTrials * 95 / 100);
}

TEST(TimesOnADriftingMachine, TwiceTheTimeIsAlwaysFound) {
  EXPECT_EQ(rates(2.0, quick(0.10), kTrials).worse, kTrials);
  EXPECT_GE(rates(2.0, quick(0.10), kTrials, false).worse, kTrials * 99 / 100) << "order_drift";
}

TEST(TimesOnADriftingMachine, HalfTheTimeIsBetter) {
  EXPECT_EQ(rates(0.5, quick(0.10), kTrials).better, kTrials);
}

TEST(TimesOnAQuietMachine, EqualArmsAreTheSame) {
  const Machine quiet{.drift = 0, .correlation = 0, .noise = 0.005};
  const Rates found = rates(1.0, quick(0.10), kTrials, true, quiet);
  EXPECT_EQ(found.same, kTrials);
  EXPECT_EQ(rates(1.0, quick(0.10), kTrials, false, quiet).same, kTrials);
}

/// One side: a method and its dense twin, interleaved; all its times `machine_now` as long.
struct Session {
  Values dense, method;
};

Session session(double slowdown, double machine_now, std::mt19937& random,
                const Machine& machine = {}) {
  Arms arms = simulate(slowdown, 12, random, machine);
  for (Values* values : {&arms.a, &arms.b}) {
    for (double& value : *values) value *= machine_now;
  }
  return {arms.a, arms.b};
}

Judgement judged_relative(const Session& base, const Session& candidate, const Rules& rules) {
  Judgement judgement;
  judgement.direction = -1;
  judge_relative_times(judgement, {base.method, base.dense}, {candidate.method, candidate.dense},
                       -1, rules);
  return judgement;
}

TEST(TimesOfTwoSessions, AnotherMachineStateCancelsAgainstTheTwins) {
  std::mt19937 random(8);
  const Machine quiet{.drift = 0, .correlation = 0, .noise = 0.005};
  const Session base = session(0.6, 1.0, random, quiet);
  const Session later = session(0.6, 1.4, random, quiet);
  Judgement alone;
  judge_times(alone, base.method, later.method, false, -1, quick(0.1));
  EXPECT_EQ(alone.verdict, Verdict::kWorse) << "the machine became slower, not the method";
  const Judgement relative = judged_relative(base, later, quick(0.1));
  EXPECT_EQ(relative.verdict, Verdict::kSame);
  EXPECT_TRUE(relative.relative);
  EXPECT_TRUE(has_reason(relative, "relative_to_twins"));
  EXPECT_NEAR(*relative.effect, 1, 0.01);
  EXPECT_EQ(relative.interval_method, "welch");
  const Judgement slower = judged_relative(base, session(0.9, 1.4, random, quiet), quick(0.1));
  EXPECT_EQ(slower.verdict, Verdict::kWorse);
  EXPECT_NEAR(*slower.paired_effect, 1.5, 0.02);
}

TEST(TimesOfTwoSessions, IdenticalMethodsAreHardlyEverDifferent) {
  std::mt19937 random(20260102);
  std::lognormal_distribution<double> between(0, 0.2);
  int relative = 0, alone = 0;
  for (int i = 0; i < 2000; ++i) {
    const Session base = session(0.7, between(random), random);
    const Session later = session(0.7, between(random), random);
    const Verdict verdict = judged_relative(base, later, quick(0.05)).verdict;
    relative += verdict == Verdict::kWorse || verdict == Verdict::kBetter ? 1 : 0;
    Judgement judgement;
    judge_times(judgement, base.method, later.method, false, -1, quick(0.05));
    alone += judgement.verdict == Verdict::kWorse || judgement.verdict == Verdict::kBetter ? 1 : 0;
  }
  RecordProperty("false_verdicts_of_2000", relative);
  RecordProperty("false_verdicts_of_2000_without_twins", alone);
  EXPECT_LE(relative, 100);  // 5 %
  EXPECT_GT(alone, 500) << "sessions that differ by a fifth must show without the twins";
}

TEST(TimesOfTwoSessions, AQuarterMoreIsFound) {
  std::mt19937 random(20260103);
  std::lognormal_distribution<double> between(0, 0.2);
  int found = 0;
  for (int i = 0; i < kTrials; ++i) {
    const Session base = session(0.7, between(random), random);
    const Session later = session(0.7 * 1.25, between(random), random);
    found += judged_relative(base, later, quick(0.10)).verdict == Verdict::kWorse ? 1 : 0;
  }
  RecordProperty("worse_of_500", found);
  EXPECT_GE(found, kTrials * 80 / 100);
}

TEST(TimesOfTwoSessions, ADriftWithinASideIsSeen) {
  // All of A, then all of B, on a machine that becomes slower by 2 % a process: ABBA says the same.
  Values a, b, interleaved_a, interleaved_b;
  std::mt19937 random(12);
  std::normal_distribution<double> normal(0, 0.002);
  for (int i = 0; i < 24; ++i) {
    const double now = 1e-3 * std::pow(1.02, i) * std::exp(normal(random));
    (i < 12 ? a : b).push_back(now);
    const bool first = i % 4 == 0 || i % 4 == 3;
    (first ? interleaved_a : interleaved_b).push_back(now);
  }
  const Judgement blocked = judge_arms({a, b}, quick(0.1), false);
  EXPECT_EQ(blocked.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(blocked, "order_drift"));
  const Judgement abba = judge_arms({interleaved_a, interleaved_b}, quick(0.1));
  EXPECT_EQ(abba.verdict, Verdict::kSame);
  EXPECT_FALSE(has_reason(abba, "order_drift"));
}

/// `arms` identical methods of one session in blocks that read the same backwards; medians of each.
std::vector<Values> identical_methods(std::size_t arms, std::mt19937& random) {
  const Machine machine;
  std::normal_distribution<double> normal;
  const double innovation = std::sqrt(1 - machine.correlation * machine.correlation);
  double level = normal(random);
  std::vector<Values> medians(arms);
  std::vector<std::size_t> order(arms);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int block = 0; block < 6; ++block) {
    std::shuffle(order.begin(), order.end(), random);
    for (const bool back : {false, true}) {
      for (std::size_t i = 0; i < arms; ++i) {
        level = machine.correlation * level + innovation * normal(random);
        medians[order[back ? arms - 1 - i : i]].push_back(
            std::exp(machine.drift * level + machine.noise * normal(random)));
      }
    }
  }
  return medians;
}

TEST(TimesOfTwoSessions, AShuffledPlanChangesNoVerdict) {
  // The same four methods in another order and another hour: each against itself.
  std::mt19937 random(20260104);
  std::lognormal_distribution<double> between(0, 0.2);
  int different = 0, judged = 0;
  for (int plan = 0; plan < 667; ++plan) {
    const auto first = identical_methods(4, random);
    auto second = identical_methods(4, random);
    const double later = between(random);
    for (Values& medians : second) {
      for (double& value : medians) value *= later;
    }
    for (std::size_t method = 1; method < 4; ++method) {
      Judgement judgement;
      judge_relative_times(judgement, {first[method], first[0]}, {second[method], second[0]}, -1,
                           quick(0.10));
      different += judgement.verdict == Verdict::kWorse || judgement.verdict == Verdict::kBetter;
      ++judged;
    }
  }
  RecordProperty("different_of_2001", different);
  EXPECT_GE(judged, 2000);
  EXPECT_LE(different, judged * 5 / 100);
}

TEST(TimesOfATable, HolmKeepsFalseAlarmsOfAWholeTableRare) {
  // Twenty identical methods against the first: some row of a table is below 5 % in most tables
  // without correction, and in few with it.
  std::mt19937 random(20260105);
  int plain = 0, corrected = 0;
  for (int table = 0; table < 100; ++table) {
    std::vector<CellRecord> a, b;
    for (int row = 0; row < 20; ++row) {
      const Arms arms = simulate(1.0, 12, random);
      a.push_back(timed_cell("dense", arms.a));
      b.push_back(timed_cell("dense", arms.b));
      a.back().suite = b.back().suite = "suite " + std::to_string(row);
    }
    const Comparison comparison = compare_cells(a, b, quick(0.10));
    const auto any = [&](auto p) {
      return std::any_of(comparison.rows.begin(), comparison.rows.end(),
                         [&](const ComparedRow& row) { return p(row.judgement) < 0.05; });
    };
    plain += any([](const Judgement& judgement) { return judgement.test->p; });
    corrected += any([](const Judgement& judgement) { return *judgement.p_holm; });
  }
  RecordProperty("tables_below_5_percent", plain);
  RecordProperty("tables_below_5_percent_corrected", corrected);
  EXPECT_GE(plain, 50);
  EXPECT_LE(corrected, 25) << "tests of either direction: twice the level, and drift adds to it";
}

TEST(TimesOfTwoSessions, TwinsMustPairWithTheirTimes) {
  Judgement judgement;
  const Values three{1, 1, 1}, two{1, 1};
  judge_relative_times(judgement, {three, two}, {three, three}, -1, quick(0.1));
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
}

TEST(Times, FewPairsGetStudentsInterval) {
  std::mt19937 random(9);
  int covered = 0, sure = 0;
  for (int i = 0; i < kTrials; ++i) {
    const Arms arms = simulate(1.0, 4, random, {.drift = 0, .correlation = 0, .noise = 0.02});
    const Judgement judgement = judge_arms(arms, quick(0.1));
    EXPECT_EQ(judgement.interval_method, "student_t_pairs");
    covered += judgement.interval->lo <= 1 && judgement.interval->hi >= 1 ? 1 : 0;
    sure += judge_arms(arms, quick(0.1), false).interval_method == "welch" ? 1 : 0;
  }
  RecordProperty("covered_of_500", covered);
  EXPECT_GE(covered, kTrials * 93 / 100) << "resampling four pairs covers about 80 %";
  EXPECT_EQ(sure, kTrials);
}

TEST(Times, PairsOfADriftingMachineCoverAsTheySay) {
  std::mt19937 random(10);
  int covered = 0;
  constexpr int kMany = 2000;
  for (int i = 0; i < kMany; ++i) {
    const Judgement judgement = judge_arms(simulate(1.25, 12, random), quick(0.1));
    covered += judgement.interval->lo <= 1.25 && judgement.interval->hi >= 1.25 ? 1 : 0;
  }
  RecordProperty("covered_of_2000", covered);
  EXPECT_GE(covered, kMany * 93 / 100) << "resampling twelve pairs covers about 91 %";
  EXPECT_LE(covered, kMany * 97 / 100);
}

TEST(Times, ThroughputsAreReadTheOtherWay) {
  std::mt19937 random(3);
  const Arms arms = simulate(1.5, 12, random, {.drift = 0, .correlation = 0, .noise = 0.01});
  Judgement lower, higher;
  lower.direction = -1;
  higher.direction = 1;
  judge_times(lower, arms.a, arms.b, true, -1, quick(0.1));
  judge_times(higher, arms.a, arms.b, true, 1, quick(0.1));
  EXPECT_EQ(lower.verdict, Verdict::kWorse);
  EXPECT_EQ(higher.verdict, Verdict::kBetter);
  judge_times(higher, arms.b, arms.a, true, 1, quick(0.1));
  EXPECT_EQ(higher.verdict, Verdict::kWorse);
}

TEST(Times, StatesWhatDecided) {
  std::mt19937 random(4);
  const Arms arms = simulate(1.3, 12, random);
  const Judgement paired = judge_arms(arms, quick(0.1));
  ASSERT_TRUE(paired.test && paired.second && paired.mde && paired.interval);
  EXPECT_EQ(paired.test->variant, "signflip_exact");
  EXPECT_EQ(paired.test->alternative, Alternative::kGreater);
  EXPECT_EQ(paired.second->variant, "u_exact");
  EXPECT_EQ(paired.n_a, 12U);
  EXPECT_GT(*paired.mde, 0);
  EXPECT_TRUE(has_reason(paired, "floor_not_measured"));
  const Judgement apart = judge_arms(arms, quick(0.1), false);
  EXPECT_EQ(apart.test->variant, "u_exact");
  EXPECT_TRUE(has_reason(apart, "unpaired"));
}

TEST(Times, TheNoiseFloorRaisesTheThreshold) {
  Rules rules = quick(0.10);
  EXPECT_DOUBLE_EQ(time_limit(rules), 0.10);
  rules.noise_floor = 0.2;
  EXPECT_DOUBLE_EQ(time_limit(rules), 0.40);
  rules.noise_floor = 0.005;
  rules.time_threshold = 0.03;
  EXPECT_DOUBLE_EQ(time_limit(rules), 0.03);
  EXPECT_DOUBLE_EQ(time_margin(rules), 0.01);
}

TEST(Times, TooFewProcessesDecideNothing) {
  std::mt19937 random(5);
  const Arms arms = simulate(2.0, 12, random);
  const auto first = [](const Values& values, std::size_t n) {
    return Values(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n));
  };
  const Judgement one = judge_arms({first(arms.a, 1), first(arms.b, 1)}, quick(0.1));
  EXPECT_EQ(one.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(one, "one_process"));
  const Judgement six = judge_arms({first(arms.a, 6), first(arms.b, 6)}, quick(0.1));
  EXPECT_EQ(six.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(six, "p_not_attainable"));
  const Judgement seven = judge_arms({first(arms.a, 7), first(arms.b, 7)}, quick(0.1));
  EXPECT_EQ(seven.verdict, Verdict::kWorse);
  EXPECT_FALSE(has_reason(seven, "p_not_attainable"));
}

TEST(Times, EstimatorsThatDisagreeDecideNothing) {
  // Twelve pairs say 11 %, and the two values in the middle of each arm say nothing.
  const Values a{0.8, 0.82, 0.84, 0.86, 0.88, 1, 1, 1.1, 1.12, 1.14, 1.16, 1.18};
  Values b;
  for (const double value : a) b.push_back(value == 1 ? 1.0 : value * 1.13);
  Judgement judgement;
  judgement.direction = -1;
  judge_times(judgement, a, b, true, -1, quick(0.1));
  EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(judgement, "estimators_disagree"));
}

TEST(Times, BadSamplesAreNotMeasured) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {nan, 0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    Judgement judgement;
    judge_times(judgement, Values{1, 1, 1}, Values{1, bad, 1}, true, -1, quick(0.1));
    EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
    EXPECT_TRUE(has_reason(judgement, "bad_samples"));
  }
  Judgement none;
  judge_times(none, Values{}, Values{1}, false, -1, quick(0.1));
  EXPECT_EQ(none.verdict, Verdict::kNotMeasured);
}

TEST(Times, AConfirmationMustAgree) {
  std::mt19937 random(6);
  const Machine quiet{.drift = 0, .correlation = 0, .noise = 0.01};
  const Judgement slow = judge_arms(simulate(1.3, 12, random, quiet), quick(0.1), false);
  const Judgement usual = judge_arms(simulate(1.0, 12, random, quiet), quick(0.1), false);
  ASSERT_EQ(slow.verdict, Verdict::kWorse);
  const Judgement agreed = confirmed(slow, slow, slow);
  EXPECT_EQ(agreed.verdict, Verdict::kWorse);
  EXPECT_TRUE(agreed.confirmed);
  const Judgement alone = confirmed(slow, usual, slow);
  EXPECT_EQ(alone.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(alone, "confirmation_failed"));
  EXPECT_EQ(confirmed(slow, slow, usual).verdict, Verdict::kAmbiguous);
}

}  // namespace
}  // namespace assay
