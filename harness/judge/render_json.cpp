#include "harness/judge/render.h"

namespace assay {
namespace {

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json interval_json(const std::optional<Interval>& interval) {
  return interval ? Json{interval->lo, interval->hi} : Json();
}

Json test_json(const std::optional<TestResult>& test) {
  if (!test) return nullptr;
  return {{"variant", test->variant},
          {"alternative", alternative_name(test->alternative)},
          {"statistic", test->statistic},
          {"p", test->p},
          {"n", test->n},
          {"least_p", test->least_p},
          {"draws", test->draws},
          {"seed", test->seed}};
}

Json flips_json(const std::optional<Flips>& flips) {
  if (!flips) return nullptr;
  return {{"rate", flips->rate()},
          {"right_to_wrong", flips->right_to_wrong},
          {"wrong_to_right", flips->wrong_to_right},
          {"wrong_to_wrong", or_null(flips->wrong_to_wrong)},
          {"items", flips->items}};
}

Json reasons_json(const Judgement& judgement) {
  Json reasons = Json::array();
  for (const Reason& reason : judgement.reasons) {
    reasons.push_back({{"code", reason.code}, {"text", reason.text}});
  }
  return reasons;
}

Json remarks_json(const ComparedRow& row) {
  Json remarks = Json::array();
  for (const SideRemark& remark : row.remarks) {
    remarks.push_back({{"side", remark.side}, {"code", remark.code}, {"text", remark.text}});
  }
  return remarks;
}

Json row_json(const ComparedRow& row) {
  const Judgement& judgement = row.judgement;
  return {{"model", row.model},
          {"suite", row.suite},
          {"method", row.method},
          {"profile", row.profile},
          {"cell_key", row.cell_key},
          {"limited", row.limited},
          {"counts", row.counts},
          {"waived", row.waived.empty() ? Json() : Json(row.waived)},
          {"metric", judgement.metric},
          {"unit", judgement.unit},
          {"convention", judgement.convention},
          {"direction", judgement.direction},
          {"verdict", verdict_name(judgement.verdict)},
          {"reasons", reasons_json(judgement)},
          {"base", or_null(judgement.a)},
          {"candidate", or_null(judgement.b)},
          {"effect", or_null(judgement.effect)},
          {"effect_is", judgement.difference ? "difference" : "ratio"},
          {"interval", interval_json(judgement.interval)},
          {"interval_method", judgement.interval_method},
          {"relative_to_twins", judgement.relative},
          {"paired_effect", or_null(judgement.paired_effect)},
          {"test", test_json(judgement.test)},
          {"second_test", test_json(judgement.second)},
          {"p_mid", or_null(judgement.p_mid)},
          {"flips", flips_json(judgement.flips)},
          {"p_holm", or_null(judgement.p_holm)},
          {"threshold", judgement.threshold},
          {"mde", or_null(judgement.mde)},
          {"n_base", judgement.n_a},
          {"n_candidate", judgement.n_b},
          {"confirmed", judgement.confirmed},
          {"remarks", remarks_json(row)}};
}

Json rules_json(const Rules& rules) {
  return {{"time_threshold", rules.time_threshold},
          {"points_threshold", rules.points_threshold},
          {"quality_threshold", rules.quality_threshold},
          {"size_threshold", rules.size_threshold},
          {"alpha", rules.alpha},
          {"alpha_items", rules.alpha_items},
          {"noise_floor", or_null(rules.noise_floor)},
          {"floor_factor", rules.floor_factor},
          {"metrics", rules.metrics},
          {"relative_to_twins", rules.relative_to_twins},
          {"seed", rules.seed},
          {"resamples", rules.resamples}};
}

}  // namespace

Json comparison_json(const Comparison& comparison, ExitCode code) {
  Json rows = Json::array();
  for (const ComparedRow& row : comparison.rows) rows.push_back(row_json(row));
  Json counts = Json::object();
  for (const Verdict verdict : {Verdict::kBetter, Verdict::kSame, Verdict::kNotWorse,
                                Verdict::kWorse, Verdict::kAmbiguous, Verdict::kNotMeasured}) {
    counts[verdict_name(verdict)] = count_of(comparison, verdict);
  }
  counts["waived"] = waived_count(comparison);
  return {{"version", 1},
          {"base", comparison.base},
          {"candidate", comparison.candidate},
          {"exit_code", static_cast<int>(code)},
          {"counts", counts},
          {"rules", rules_json(comparison.rules)},
          {"rows", rows}};
}

}  // namespace assay
