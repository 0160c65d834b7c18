#include "harness/judge/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using Cells = std::vector<CellRecord>;

constexpr Machine kQuiet{.drift = 0, .correlation = 0, .noise = 0.005};

Arms arms(double slowdown, unsigned seed = 1) {
  std::mt19937 random(seed);
  return simulate(slowdown, 12, random, kQuiet);
}

const Judgement& only(const Comparison& comparison) {
  EXPECT_EQ(comparison.rows.size(), 1U);
  return comparison.rows.front().judgement;
}

TEST(Comparison, ExitCodes) {
  const Cells base{timed_cell("dense", arms(1).a)};
  const auto code = [&](const Cells& candidate, bool allow = false) {
    return exit_code_of(compare_cells(base, candidate, {}), allow);
  };
  EXPECT_EQ(code({timed_cell("dense", arms(1).b)}), ExitCode::kOk);
  EXPECT_EQ(code({timed_cell("dense", arms(0.5).b)}), ExitCode::kOk);
  EXPECT_EQ(code({timed_cell("dense", arms(1.5).b)}), ExitCode::kWorse);
  EXPECT_EQ(code({}), ExitCode::kNotMeasured);
  EXPECT_EQ(code({timed_cell("dense", {1e-3, 2e-3})}), ExitCode::kAmbiguous);
  EXPECT_EQ(code({timed_cell("dense", {1e-3, 2e-3})}, true), ExitCode::kOk);
  EXPECT_EQ(exit_code_of(compare_cells({}, {}, {}), true), ExitCode::kNotMeasured);
}

TEST(Comparison, WorseWinsOverNotMeasured) {
  const Cells base{timed_cell("dense", arms(1).a), timed_cell("wanda", arms(1).a)};
  const Cells candidate{timed_cell("dense", arms(1.5).b)};
  const Comparison comparison = compare_cells(base, candidate, {});
  EXPECT_EQ(count_of(comparison, Verdict::kWorse), 1U);
  EXPECT_EQ(count_of(comparison, Verdict::kNotMeasured), 1U);
  EXPECT_EQ(exit_code_of(comparison, false), ExitCode::kWorse);
}

TEST(Comparison, MissingSidesAreNotMeasured) {
  const Cells one{timed_cell("dense", arms(1).a)};
  EXPECT_TRUE(has_reason(only(compare_cells(one, {}, {})), "missing_candidate"));
  EXPECT_TRUE(has_reason(only(compare_cells({}, one, {})), "missing_base"));
  EXPECT_TRUE(compare_cells({}, one, {}, {.only_common = true}).rows.empty());
}

TEST(Comparison, FailedCellsAreNotMeasured) {
  const Cells base{timed_cell("dense", arms(1).a)};
  for (const char* status : {"INVALID", "OOM", "TIMEOUT", "CRASHED", "NAN", "UNMET", "QUEUED"}) {
    Cells candidate{make_record("dense")};
    candidate[0].status = status;
    candidate[0].reason = "so it is";
    const Comparison comparison = compare_cells(base, candidate, {});
    EXPECT_EQ(only(comparison).verdict, Verdict::kNotMeasured);
    EXPECT_THAT(only(comparison).reasons.front().text, HasSubstr(status));
    EXPECT_EQ(exit_code_of(comparison, true), ExitCode::kNotMeasured);
  }
}

TEST(Comparison, UnmetOnBothSidesDoesNotCount) {
  Cells base{timed_cell("dense", arms(1).a), make_record("wanda")};
  Cells candidate{timed_cell("dense", arms(1).b), make_record("wanda")};
  base[1].status = candidate[1].status = "UNMET";
  EXPECT_EQ(exit_code_of(compare_cells(base, candidate, {}), false), ExitCode::kOk);
  EXPECT_EQ(exit_code_of(compare_cells({base[1]}, {candidate[1]}, {}), false),
            ExitCode::kNotMeasured);
}

TEST(Comparison, AnotherModelIsRefusedByName) {
  const Cells base{timed_cell("dense", arms(1).a)};
  Cells candidate{timed_cell("dense", arms(1).b)};
  candidate[0].key_doc["model"]["hash"] = "m1";
  const Comparison comparison = compare_cells(base, candidate, {});
  EXPECT_TRUE(has_reason(only(comparison), "key_differs"));
  EXPECT_THAT(only(comparison).reasons.front().text, HasSubstr("model.hash: m0 against m1"));
  EXPECT_EQ(exit_code_of(comparison, true), ExitCode::kNotMeasured);
}

TEST(Comparison, AnotherConventionIsRefusedByName) {
  const Cells base{timed_cell("dense", arms(1).a)};
  Cells candidate{timed_cell("dense", arms(1).b)};
  candidate[0].metrics[0].def.convention = "other";
  const Judgement judgement = only(compare_cells(base, candidate, {}));
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
  EXPECT_TRUE(has_reason(judgement, "convention_differs"));
}

TEST(Comparison, ANullValueIsNotMeasured) {
  Cells base{make_record("dense")}, candidate{make_record("dense")};
  base[0].metrics.push_back(value_metric("energy", 3, "J"));
  candidate[0].metrics.push_back(value_metric("energy", 3, "J"));
  candidate[0].metrics[0].summary.value.reset();
  candidate[0].metrics[0].summary.null_reason = "no meter";
  const Judgement judgement = only(compare_cells(base, candidate, {}));
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
  EXPECT_THAT(judgement.reasons.front().text, HasSubstr("no meter"));
}

TEST(Comparison, WithoutAMeterOnEitherSideNothingIsLost) {
  Cells base{timed_cell("dense", arms(1).a)}, candidate{timed_cell("dense", arms(1).b)};
  for (Cells* side : {&base, &candidate}) {
    MetricRecord energy = value_metric("energy", 3, "J");
    energy.summary.value.reset();
    energy.summary.null_reason = "no meter";
    side->front().metrics.push_back(energy);
  }
  const Comparison comparison = compare_cells(base, candidate, {});
  ASSERT_EQ(comparison.rows.size(), 2U);
  EXPECT_FALSE(comparison.rows[1].counts);
  EXPECT_THAT(comparison.rows[1].judgement.reasons.front().text, HasSubstr("no meter"));
  EXPECT_EQ(exit_code_of(comparison, false), ExitCode::kOk);
}

TEST(Comparison, WhatTheBaseLacksCannotHaveGotWorse) {
  const Cells base{timed_cell("dense", arms(1).a)};
  Cells candidate{timed_cell("dense", arms(1).b)};
  candidate[0].metrics.push_back(value_metric("model/resident_bytes", 5, "B"));
  EXPECT_EQ(exit_code_of(compare_cells(base, candidate, {}), false), ExitCode::kOk);
  EXPECT_EQ(exit_code_of(compare_cells(candidate, base, {}), false), ExitCode::kNotMeasured)
      << "what only the base has is lost";
  Rules named;
  named.metrics = {"model/*"};
  EXPECT_EQ(exit_code_of(compare_cells(base, candidate, named), false), ExitCode::kNotMeasured);
}

TEST(Comparison, ASideAgainstItselfIsTheSameWhateverItHolds) {
  Cells cells{timed_cell("dense", {1e-3}), scored_cell("dense", {true}), make_record("dense", "x")};
  MetricRecord wide = value_metric("score", 1);
  wide.def.basis = Basis::kUndeclared;
  wide.summary.n = 2;
  wide.summary.lo = -5;
  wide.summary.hi = 7;
  MetricRecord once = value_metric("fit/seconds", 3, "s");
  cells[2].metrics = {wide, once, value_metric("model/host_bytes", 0, "B")};
  cells.push_back(timed_cell("wanda", {1e-3, 9e-3}));
  Rules rules;
  rules.metrics = {"*"};
  for (const Rules& asked : {Rules{}, rules}) {
    const Comparison comparison = compare_cells(cells, cells, asked);
    EXPECT_EQ(count_of(comparison, Verdict::kSame), comparison.rows.size());
    EXPECT_EQ(exit_code_of(comparison, false), ExitCode::kOk);
  }
}

TEST(Comparison, NotWorseIsNoReasonToStop) {
  // Between 15 % better and 5 % worse where 10 % are allowed.
  std::vector<double> before, after;
  for (int i = 0; i < 12; ++i) {
    before.push_back(1e-3);
    after.push_back(1e-3 * (i % 2 == 0 ? 0.85 : 1.05));
  }
  const Comparison comparison =
      compare_cells({timed_cell("dense", before)}, {timed_cell("dense", after)}, {});
  EXPECT_EQ(only(comparison).verdict, Verdict::kNotWorse);
  EXPECT_EQ(exit_code_of(comparison, false), ExitCode::kOk);
}

TEST(Comparison, MetricsAreChosen) {
  CellRecord cell = timed_cell("dense", arms(1).a);
  cell.metrics.push_back(value_metric("model/resident_bytes", 5, "B"));
  cell.metrics.push_back(value_metric("fit/seconds", 5, "s"));
  cell.metrics.push_back(value_metric("decode/tokens_per_s", 5, "tokens/s", 1));
  cell.metrics.push_back(value_metric("model/params", 5, "", 0));
  const auto tags = [&](const std::vector<std::string>& globs) {
    Rules rules;
    rules.metrics = globs;
    std::vector<std::string> found;
    for (const Judgement& judgement : judge_cell(cell, cell, rules)) {
      found.push_back(judgement.metric);
    }
    return found;
  };
  EXPECT_THAT(tags({}), testing::ElementsAre("decode/token_latency", "model/resident_bytes"));
  EXPECT_THAT(tags({"fit/*", "decode/tok*"}),
              testing::ElementsAre("decode/token_latency", "fit/seconds", "decode/tokens_per_s"));
  EXPECT_TRUE(tags({"nothing"}).empty());
}

TEST(Comparison, PValuesAreCorrectedForTheTable) {
  const Cells base{timed_cell("dense", arms(1).a), timed_cell("wanda", arms(1).a)};
  const Cells candidate{timed_cell("dense", arms(1.5).b), timed_cell("wanda", arms(1, 2).b)};
  const Comparison comparison = compare_cells(base, candidate, {});
  const Judgement& slow = comparison.rows[0].judgement;
  EXPECT_DOUBLE_EQ(*slow.p_holm, 2 * slow.test->p);
}

TEST(Comparison, ConfirmationKeepsWhatFreshProcessesSayToo) {
  const Cells base{timed_cell("dense", arms(1).a, "old")};
  const Cells first{timed_cell("dense", arms(1.5).b, "new")};
  const Cells slow{timed_cell("dense", arms(1.5, 9).b, "again")};
  const Cells usual{timed_cell("dense", arms(1, 9).b, "again")};
  const Comparison comparison = compare_cells(base, first, {});
  ASSERT_TRUE(wants_confirmation(comparison.rows[0]));
  const Comparison kept = confirm(comparison, base, first, slow);
  EXPECT_EQ(only(kept).verdict, Verdict::kWorse);
  EXPECT_TRUE(only(kept).confirmed);
  EXPECT_EQ(only(kept).n_b, 24U);
  EXPECT_FALSE(wants_confirmation(kept.rows[0]));
  const Comparison dropped = confirm(comparison, base, first, usual);
  EXPECT_EQ(only(dropped).verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(only(dropped), "confirmation_failed"));
  Cells failed = usual;
  failed[0].status = "CRASHED";
  failed[0].metrics.clear();
  EXPECT_EQ(only(confirm(comparison, base, first, failed)).verdict, Verdict::kAmbiguous);
}

TEST(Comparison, WhatIsAmbiguousIsDecidedByBothRounds) {
  const auto few = [](const std::vector<double>& values) {
    return std::vector<double>(values.begin(), values.begin() + 3);
  };
  const Cells base{timed_cell("dense", arms(1).a, "old")};
  const Cells noisy{timed_cell("dense", {0.6e-3, 1e-3, 1.7e-3}, "new")};
  const Comparison comparison = compare_cells(base, noisy, {});
  ASSERT_EQ(only(comparison).verdict, Verdict::kAmbiguous);
  EXPECT_FALSE(wants_confirmation(comparison.rows[0]));
  EXPECT_TRUE(wants_second_round(comparison.rows[0]));
  const Cells quiet{timed_cell("dense", arms(1, 9).b, "again")};
  EXPECT_EQ(only(confirm(comparison, base, noisy, quiet)).n_b, 15U);
  EXPECT_NE(only(confirm(comparison, base, noisy, quiet)).verdict, Verdict::kAmbiguous);
  const Cells slow{timed_cell("dense", arms(1.5, 9).b, "again")};
  const Cells doubtful{timed_cell("dense", {0.95e-3, 1.9e-3, 1.5e-3}, "new")};
  const Comparison at_first = compare_cells(base, doubtful, {});
  ASSERT_EQ(only(at_first).verdict, Verdict::kAmbiguous);
  const Judgement worse = only(confirm(at_first, base, doubtful, slow));
  EXPECT_EQ(worse.verdict, Verdict::kWorse);
  EXPECT_TRUE(worse.confirmed);
  const Cells base_few{timed_cell("dense", few(arms(1).a), "old")};
  EXPECT_EQ(only(confirm(compare_cells(base_few, noisy, {}), base_few, noisy, noisy)).n_b, 3U)
      << "the same attempt again is no second round";
}

/// Dense and a method of one session, all times `machine_now` as long.
Cells session_cells(const std::string& session, double slowdown, double machine_now,
                    unsigned seed) {
  Arms measured = arms(slowdown, seed);
  for (auto* values : {&measured.a, &measured.b}) {
    for (double& value : *values) value *= machine_now;
  }
  return {timed_cell("dense", measured.a, session), timed_cell("wanda", measured.b, session)};
}

TEST(Comparison, SessionsAreComparedRelativeToTheirTwins) {
  const Cells base = session_cells("old", 0.6, 1, 1);
  const Cells candidate = session_cells("new", 0.6, 1.4, 2);
  const Comparison comparison = compare_cells(base, candidate, {});
  ASSERT_EQ(comparison.rows.size(), 2U);
  EXPECT_EQ(comparison.rows[0].judgement.verdict, Verdict::kWorse)
      << "dense has no twin but itself";
  EXPECT_FALSE(comparison.rows[0].judgement.relative);
  EXPECT_EQ(comparison.rows[1].judgement.verdict, Verdict::kSame);
  EXPECT_TRUE(comparison.rows[1].judgement.relative);
  Rules rules;
  rules.relative_to_twins = false;
  EXPECT_EQ(compare_cells(base, candidate, rules).rows[1].judgement.verdict, Verdict::kWorse);
  Cells fewer = candidate;
  fewer[0].metrics[0].processes.pop_back();
  EXPECT_FALSE(compare_cells(base, fewer, {}).rows[1].judgement.relative) << "no pairs";
}

TEST(Comparison, ConfirmationIsRelativeToTheTwinsToo) {
  const Cells base = session_cells("old", 0.6, 1, 1);
  const Cells first = session_cells("new", 0.9, 1.4, 2);
  const Comparison comparison = compare_cells(base, first, {});
  ASSERT_EQ(comparison.rows[1].judgement.verdict, Verdict::kWorse);
  const Comparison kept = confirm(comparison, base, first, session_cells("again", 0.9, 0.8, 3));
  EXPECT_EQ(kept.rows[1].judgement.verdict, Verdict::kWorse);
  EXPECT_TRUE(kept.rows[1].judgement.confirmed);
  EXPECT_TRUE(kept.rows[1].judgement.relative);
  EXPECT_EQ(kept.rows[1].judgement.n_b, 24U);
  const Comparison dropped = confirm(comparison, base, first, session_cells("again", 0.6, 0.8, 3));
  EXPECT_EQ(dropped.rows[1].judgement.verdict, Verdict::kAmbiguous);
}

TEST(Comparison, WaiversDecideNoExitCodeAndAreSaid) {
  const Cells base{timed_cell("dense", arms(1).a), timed_cell("wanda", arms(1).a)};
  const Cells candidate{timed_cell("dense", arms(1).b), timed_cell("wanda", arms(1.5).b)};
  Comparison comparison = compare_cells(base, candidate, {});
  EXPECT_EQ(comparison.rows[1].name(), "decode/wanda/decode/token_latency");
  waive(comparison, {{"*/wanda/decode/*", "until the new kernel"}});
  EXPECT_EQ(comparison.rows[1].judgement.verdict, Verdict::kWorse);
  EXPECT_EQ(exit_code_of(comparison, false), ExitCode::kOk);
  EXPECT_EQ(waived_count(comparison), 1U);
  EXPECT_THROW(waive(comparison, {{"*/ria/*", "stale"}}), UserError);
  Comparison missing = compare_cells(base, {candidate[0]}, {});
  EXPECT_EQ(exit_code_of(missing, false), ExitCode::kNotMeasured);
  waive(missing, {{"decode/wanda/-", "not built here"}});
  EXPECT_EQ(exit_code_of(missing, false), ExitCode::kOk);
}

TEST(Comparison, TheOrderOfCellsChangesNoVerdict) {
  Cells base, candidate;
  for (const char* suite : {"a", "b", "c"}) {
    for (const char* method : {"dense", "wanda"}) {
      base.push_back(make_record(method, suite));
      candidate.push_back(make_record(method, suite));
      const Arms measured = arms(std::string(suite) == "b" ? 1.5 : 1, 3);
      base.back().metrics.push_back(timed_metric(measured.a));
      candidate.back().metrics.push_back(timed_metric(measured.b));
    }
  }
  const Comparison straight = compare_cells(base, candidate, {});
  std::reverse(base.begin(), base.end());
  std::rotate(candidate.begin(), candidate.begin() + 2, candidate.end());
  const Comparison shuffled = compare_cells(base, candidate, {});
  for (const ComparedRow& row : straight.rows) {
    const auto other = std::find_if(
        shuffled.rows.begin(), shuffled.rows.end(),
        [&](const ComparedRow& r) { return r.suite == row.suite && r.method == row.method; });
    ASSERT_NE(other, shuffled.rows.end());
    EXPECT_EQ(other->judgement.verdict, row.judgement.verdict);
    EXPECT_EQ(other->judgement.test->p, row.judgement.test->p);
  }
}

}  // namespace
}  // namespace assay
