// Speed-ups beside predictions, with numbers that are worked out by hand here.

#include "harness/judge/predicted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"
#include "harness/judge/workloads.h"

namespace assay {
namespace {

using testing::HasSubstr;
using Cells = std::vector<CellRecord>;

constexpr double kFlops = 2e9;  // of dense, for one token
constexpr double kBytes = 4e9;

const std::vector<double> kDense = {1.0, 1.1, 1.2, 1.3, 1.0, 1.1, 1.2, 1.3, 1.0, 1.1};

std::vector<double> times(double factor) {
  std::vector<double> result;
  for (const double value : kDense) result.push_back(factor * value);
  return result;
}

MachineFigures machine() {
  return {.profile = "cpu", .gemm_flops = 1e11, .bandwidth = 1e10, .fingerprint = {{"threads", 1}}};
}

MetricRecord timed_as(const std::string& tag, const std::vector<double>& medians) {
  MetricRecord metric = timed_metric(medians);
  metric.def.tag = metric.summary.tag = tag;
  return metric;
}

CellRecord cell(const std::string& method, const std::string& tag, double factor,
                const Json& suite_params = Json::object()) {
  CellRecord record = make_record(method, "timed");
  record.suite_params = suite_params.dump();
  record.metrics.push_back(timed_as(tag, times(factor)));
  return record;
}

/// A scored cell that counted the method's work.
CellRecord counted(const std::string& method, double flops, double bytes, double step_bytes) {
  CellRecord record = make_record(method, "text");
  record.metrics = {value_metric("model/flops_per_token", flops, "FLOP"),
                    value_metric("model/touched_bytes", bytes, "B"),
                    value_metric("step/touched_bytes", step_bytes, "B")};
  return record;
}

Cells decode_cells(double batch) {
  const Json params = {{"batch", batch}};
  Cells cells{counted("dense", kFlops, kBytes, kBytes),
              counted("quantize", kFlops, kBytes / 4, kBytes / 4),
              cell("dense", "decode/token_latency", 1, params),
              cell("quantize", "decode/token_latency", 0.4, params)};
  cells[2].metrics.push_back(value_metric("step/touched_bytes", kBytes, "B"));
  cells[3].metrics.push_back(value_metric("step/touched_bytes", kBytes / 4, "B"));
  return cells;
}

SpeedUp only(const Cells& cells, const std::vector<MachineFigures>& machines = {machine()}) {
  const std::vector<SpeedUp> rows = speed_ups(cells, {}, machines);
  EXPECT_EQ(rows.size(), 1U);
  return rows.at(0);
}

TEST(SpeedUps, MeasuredIsDenseOverCompressedWithAnInterval) {
  Cells cells = decode_cells(1);
  cells[3].metrics[0] = timed_as("decode/token_latency", times(0.5));
  cells[3].metrics[0].processes[0].values = {0.4};  // one pair says 2.5, nine say 2
  const SpeedUp row = only(cells);
  EXPECT_EQ(row.metric, "decode/token_latency");
  EXPECT_NEAR(*row.measured, std::exp((9 * std::log(2) + std::log(2.5)) / 10), 1e-9);
  EXPECT_LE(row.interval->lo, *row.measured);
  EXPECT_GE(row.interval->hi, *row.measured);
  EXPECT_GT(row.interval->lo, 1.9);
  EXPECT_LT(row.interval->hi, 2.2);
  EXPECT_EQ(row.interval_method, "student_t_pairs");
  EXPECT_EQ(row.pairs, 10U);
  EXPECT_EQ(row.verdict, Verdict::kBetter);
  EXPECT_EQ(row.reason, "");
}

TEST(SpeedUps, ASingleTokenIsBoundByMemory) {
  const SpeedUp row = only(decode_cells(1));
  EXPECT_NEAR(*row.measured, 2.5, 1e-9);
  EXPECT_NEAR(*row.by_flops.value, 1, 1e-9);
  EXPECT_NEAR(*row.by_bytes.value, 4, 1e-9);
  // Dense: 0.4 s of reading, 0.02 s of computing; compressed: 0.1 s and 0.02 s.
  EXPECT_NEAR(*row.by_roofline.value, 4, 1e-9);
  EXPECT_EQ(row.bound, "memory");
  EXPECT_EQ(row.dense_bound, "memory");
  EXPECT_NEAR(*row.dense_reached, 0.4 / 1.1, 1e-9);
  EXPECT_NEAR(*row.reached, 0.1 / 0.44, 1e-9);
}

TEST(SpeedUps, ABatchMovesTheBound) {
  // 10 rows: computing 0.2 s on both sides, reading 0.4 s and 0.1 s.
  const SpeedUp ten = only(decode_cells(10));
  EXPECT_NEAR(*ten.by_roofline.value, 2, 1e-9);
  EXPECT_EQ(ten.bound, "compute");
  EXPECT_EQ(ten.dense_bound, "memory");
  const SpeedUp hundred = only(decode_cells(100));
  EXPECT_NEAR(*hundred.by_roofline.value, 1, 1e-9);
  EXPECT_NEAR(*hundred.by_bytes.value, 4, 1e-9);
}

TEST(SpeedUps, APromptReadsWeightsOnceAndComputesEachToken) {
  const Json params = {{"batch", 2}, {"prompt_tokens", 50}};
  const Cells cells{
      counted("dense", kFlops, kBytes, kBytes), counted("ffsplit", kFlops / 2, kBytes, kBytes),
      cell("dense", "prefill/latency", 1, params), cell("ffsplit", "prefill/latency", 0.8, params)};
  const SpeedUp row = only(cells);
  EXPECT_NEAR(*row.by_flops.value, 2, 1e-9);
  EXPECT_NEAR(*row.by_bytes.value, 1, 1e-9);
  // Dense: 2 s of computing; compressed: 1 s; reading 0.4 s.
  EXPECT_NEAR(*row.by_roofline.value, 2, 1e-9);
  EXPECT_NEAR(*row.reached, 1 / (0.8 * 1.1), 1e-9);
}

TEST(SpeedUps, WhatDependsOnTheTokenIsKnownForOneAlone) {
  Cells one = decode_cells(1);
  one[1].metrics[2].summary.value = kBytes / 2;
  one[3].metrics[1].summary.value = kBytes / 2;
  EXPECT_NEAR(*only(one).by_bytes.value, 2, 1e-9) << "what the step read, not what is fixed";
  Cells ten = decode_cells(10);
  ten[1].metrics[2].summary.value = kBytes / 2;
  ten[3].metrics[1].summary.value = kBytes / 2;
  const SpeedUp row = only(ten);
  EXPECT_FALSE(row.by_bytes.value);
  EXPECT_THAT(row.by_bytes.reason, HasSubstr("depends on the token"));
  EXPECT_FALSE(row.by_roofline.value);
  EXPECT_THAT(row.by_roofline.reason, HasSubstr("depends on the token"));
}

TEST(SpeedUps, WorkThatDependsOnTheTokenIsThatOfTheTimedStep) {
  const auto deciding = [](Cells cells) {
    for (const std::size_t at : {1U, 3U}) {
      cells[at].metrics.push_back(value_metric("step/fallback_share", 0.3, ""));
    }
    return cells;
  };
  Cells counted_step = deciding(decode_cells(1));
  counted_step[3].metrics.push_back(value_metric("step/flops_per_token", kFlops / 4, "FLOP"));
  EXPECT_NEAR(*only(counted_step).by_flops.value, 4, 1e-9) << "not what any token computes";
  for (const double batch : {1.0, 10.0}) {
    const SpeedUp row = only(deciding(decode_cells(batch)));
    EXPECT_FALSE(row.by_flops.value) << "nobody counted the rest";
    EXPECT_THAT(row.by_flops.reason, HasSubstr("what is computed depends on the token"));
  }
}

TEST(SpeedUps, BlocksAloneHaveNoWorkOfTheWholeModel) {
  Cells cells{counted("dense", kFlops, kBytes, kBytes), counted("tardis", kFlops, kBytes, kBytes),
              cell("dense", "ffn_decode/latency", 1), cell("tardis", "ffn_decode/latency", 0.2)};
  cells[2].metrics.push_back(value_metric("step/touched_bytes", 3e9, "B"));
  cells[3].metrics.push_back(value_metric("step/touched_bytes", 1e9, "B"));
  const SpeedUp row = only(cells);
  EXPECT_NEAR(*row.by_bytes.value, 3, 1e-9);
  EXPECT_FALSE(row.by_flops.value);
  EXPECT_THAT(row.by_flops.reason,
              HasSubstr("no cell of this method counted what is computed (step/flops_per_token)"));
}

TEST(SpeedUps, AKernelsWorkIsItsOwn) {
  const Json params = {{"batch", 4}};
  Cells cells{counted("dense", kFlops, kBytes, kBytes), counted("tardis", kFlops, kBytes, kBytes),
              cell("dense", "kernel/latency", 1, params),
              cell("tardis", "kernel/latency", 0.2, params)};
  for (const auto& [at, scale] : {std::pair{2, 1.0}, std::pair{3, 0.25}}) {
    cells[at].metrics.push_back(value_metric("step/touched_bytes", scale * 3e9, "B"));
    cells[at].metrics.push_back(value_metric("step/flops_per_token", scale * 8e9, "FLOP"));
  }
  const SpeedUp row = only(cells);
  EXPECT_NEAR(*row.by_bytes.value, 4, 1e-9);
  EXPECT_NEAR(*row.by_flops.value, 4, 1e-9);
  EXPECT_EQ(row.bound, "compute") << "32e9 FLOP take 0.32 s, 3e9 bytes 0.3 s";
}

TEST(SpeedUps, AccountingOfAnotherMethodDoesNotCount) {
  Cells cells = decode_cells(1);
  cells[1].key_doc["method"]["params"] = {{"bits", 3}};
  const SpeedUp row = only(cells);
  EXPECT_FALSE(row.by_flops.value);
  EXPECT_THAT(row.by_flops.reason, HasSubstr("no cell of this method counted what is computed"));
  EXPECT_NEAR(*row.by_bytes.value, 4, 1e-9) << "the timed cell watched its own bytes";
}

TEST(SpeedUps, TheMachineMustBeTheOneThatWasTimed) {
  EXPECT_THAT(only(decode_cells(1), {}).by_roofline.reason, HasSubstr("assay doctor"));
  MachineFigures other = machine();
  other.fingerprint = {{"threads", 8}};
  const SpeedUp row = only(decode_cells(1), {other});
  EXPECT_FALSE(row.by_roofline.value);
  EXPECT_THAT(row.by_roofline.reason, HasSubstr("another machine"));
  EXPECT_TRUE(row.by_bytes.value) << "a ratio of bytes needs no machine";
}

TEST(SpeedUps, NeedTheTwinOfTheirOwnSession) {
  Cells cells = decode_cells(1);
  cells[2].session = "s2";
  const SpeedUp lonely = only(cells);
  EXPECT_FALSE(lonely.measured);
  EXPECT_THAT(lonely.reason, HasSubstr("same session"));
  CellRecord twin = cells[2];
  twin.session = "s1";
  const std::vector<SpeedUp> rows = speed_ups(cells, {twin}, {machine()});
  EXPECT_NEAR(*rows.at(0).measured, 2.5, 1e-9);
  cells[3].twin_key = "";
  EXPECT_THAT(only(cells).reason, HasSubstr("no dense twin"));
}

TEST(SpeedUps, AFailedCellSaysItsStatus) {
  Cells cells = decode_cells(1);
  cells[3].status = "OOM";
  cells[3].reason = "7 GiB";
  cells[3].metrics.clear();
  cells[1].status = "UNMET";
  cells[1].metrics.clear();
  const SpeedUp row = only(cells);
  EXPECT_EQ(row.reason, "OOM: 7 GiB");
  EXPECT_EQ(row.verdict, Verdict::kNotMeasured);
  EXPECT_TRUE(to_json(row).at("measured").is_null());
}

TEST(SpeedUps, SayWhatCompressingCost) {
  Cells cells = decode_cells(1);
  cells[3].metrics.push_back(value_metric("fit/seconds", 12, "s"));
  cells[1].metrics.push_back(value_metric("fit/peak_rss", 5e9, "B"));
  for (const std::size_t i : {1U, 3U}) {
    cells[i].key_doc["calibration"] = {{"samples", 128}, {"tokens", 2048}};
  }
  const SpeedUp row = only(cells);
  EXPECT_EQ(row.fit.seconds, 12);
  EXPECT_EQ(row.fit.peak_rss_bytes, 5e9);
  EXPECT_EQ(row.fit.calibration_tokens, 128 * 2048);
  EXPECT_FALSE(row.fit.artefact_bytes);
  EXPECT_EQ(to_json(row).at("fit").at("calibration_tokens"), 262144);
}

TEST(MachineFigures, AreReadFromWhatDoctorKept) {
  const Json check = {{"profile", "cpu"},
                      {"profile_on_this_machine", {{"threads", 2}}},
                      {"gemm_flops", 1.5e11},
                      {"bandwidth_bytes_per_s", 2e10}};
  const auto figures = machine_figures(check);
  ASSERT_TRUE(figures);
  EXPECT_EQ(figures->gemm_flops, 1.5e11);
  EXPECT_EQ(figures->fingerprint.at("threads"), 2);
  Json broken = check;
  broken["gemm_flops"] = nullptr;
  EXPECT_FALSE(machine_figures(broken));
}

}  // namespace
}  // namespace assay
