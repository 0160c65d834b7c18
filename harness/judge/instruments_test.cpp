#include "harness/judge/instruments.h"

#include <gtest/gtest.h>

#include "harness/judge/comparison.h"
#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

Judgement judged(const std::string& metric, Verdict verdict) {
  Judgement judgement;
  judgement.metric = metric;
  judgement.verdict = verdict;
  judgement.effect = 1.2;
  return judgement;
}

/// What is left of the clock's verdict.
Judgement held(Verdict time, Verdict count) {
  std::vector<Judgement> judgements = {judged("other", Verdict::kWorse),
                                       judged("kernel/latency", time)};
  hold_against_count(judgements, [&] { return judged("kernel/instructions", count); });
  EXPECT_EQ(judgements[0].verdict, Verdict::kWorse) << "another metric's verdict changed";
  return judgements[1];
}

TEST(Instruments, TheClockAloneDecidesNothing) {
  for (const Verdict count : {Verdict::kSame, Verdict::kBetter, Verdict::kAmbiguous}) {
    const Judgement judgement = held(Verdict::kWorse, count);
    EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
    EXPECT_TRUE(has_reason(judgement, "instruments_disagree"));
  }
  EXPECT_EQ(held(Verdict::kBetter, Verdict::kSame).verdict, Verdict::kAmbiguous);
}

TEST(Instruments, TheCountAloneIsSaidAndDecidesNothing) {
  for (const Verdict time : {Verdict::kSame, Verdict::kAmbiguous}) {
    const Judgement judgement = held(time, Verdict::kWorse);
    EXPECT_EQ(judgement.verdict, time);
    EXPECT_TRUE(has_reason(judgement, "instruments_disagree"));
  }
}

TEST(Instruments, AgreementAndAMissingCountChangeNothing) {
  for (const Verdict verdict : {Verdict::kWorse, Verdict::kBetter, Verdict::kSame}) {
    EXPECT_EQ(held(verdict, verdict).verdict, verdict);
    EXPECT_TRUE(held(verdict, verdict).reasons.empty());
    EXPECT_EQ(held(verdict, Verdict::kNotMeasured).verdict, verdict);
  }
}

TEST(Instruments, NothingIsCountedWhereNothingWasTimed) {
  std::vector<Judgement> judgements = {judged("acc", Verdict::kWorse)};
  hold_against_count(judgements, []() -> Judgement {
    ADD_FAILURE() << "asked";
    return {};
  });
  EXPECT_EQ(judgements[0].verdict, Verdict::kWorse);
}

CellRecord kernel_cell(const std::vector<double>& medians, double instructions) {
  CellRecord cell = make_record("dense", "kernel");
  MetricRecord time = timed_metric(medians);
  time.def.tag = time.summary.tag = "kernel/latency";
  cell.metrics = {time, value_metric("kernel/instructions", instructions, "instructions")};
  return cell;
}

TEST(Instruments, ACellWithBothIsJudgedByBoth) {
  std::mt19937 random(3);
  const Arms arms = simulate(1.5, 12, random);
  const auto judge = [&](double instructions) {
    const auto all = judge_cell(kernel_cell(arms.a, 1e6), kernel_cell(arms.b, instructions), {});
    EXPECT_EQ(all.size(), 1U) << "the count stands beside the time, it is no gate of its own";
    return all.front();
  };
  EXPECT_EQ(judge(1.5e6).verdict, Verdict::kWorse);
  EXPECT_EQ(judge(1e6).verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(judge(1e6), "instruments_disagree"));
  Rules asked;
  asked.metrics = {"kernel/instructions"};
  const auto alone = judge_cell(kernel_cell(arms.a, 1e6), kernel_cell(arms.b, 1.02e6), asked);
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(alone.front().verdict, Verdict::kWorse);
}

}  // namespace
}  // namespace assay
