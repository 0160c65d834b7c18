#include "harness/judge/gate.h"

#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

Judgement ambiguous(double effect, int direction, bool difference = false) {
  Judgement judgement;
  judgement.verdict = Verdict::kAmbiguous;
  judgement.direction = direction;
  judgement.effect = effect;
  judgement.difference = difference;
  judgement.threshold = difference ? 0.01 : 0.1;
  return judgement;
}

TEST(Gate, StopsForWhatLooksWorseOnly) {
  EXPECT_TRUE(hints_at_loss(ambiguous(1.2, -1)));
  EXPECT_FALSE(hints_at_loss(ambiguous(1.05, -1)));
  EXPECT_FALSE(hints_at_loss(ambiguous(0.5, -1)));
  EXPECT_TRUE(hints_at_loss(ambiguous(0.8, 1)));
  EXPECT_FALSE(hints_at_loss(ambiguous(1.5, 1)));
  EXPECT_TRUE(hints_at_loss(ambiguous(-0.04, 1, true)));
  EXPECT_FALSE(hints_at_loss(ambiguous(0.04, 1, true)));
}

TEST(Gate, EitherEstimateMayHint) {
  Judgement judgement = ambiguous(1.0, -1);
  judgement.paired_effect = 1.13;
  EXPECT_TRUE(hints_at_loss(judgement));
}

TEST(Gate, WithoutAnEstimateSomebodyMustLook) {
  Judgement judgement = ambiguous(1, -1);
  judgement.effect.reset();
  EXPECT_TRUE(hints_at_loss(judgement));
  judgement.verdict = Verdict::kSame;
  EXPECT_FALSE(hints_at_loss(judgement));
}

TEST(Gate, TwoNoisyProcessesOfAnUnchangedModelDoNotStopIt) {
  const auto code = [](const std::vector<double>& again) {
    return exit_code_of(compare_cells({timed_cell("dense", {1.0e-3, 1.3e-3}, "old")},
                                      {timed_cell("dense", again, "new")}, {}),
                        false);
  };
  EXPECT_EQ(code({1.25e-3, 1.0e-3}), ExitCode::kOk);
  EXPECT_EQ(code({1.6e-3, 1.5e-3}), ExitCode::kAmbiguous) << "looks a third slower";
}

}  // namespace
}  // namespace assay
