#include "harness/judge/predicted.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>

#include "harness/judge/comparison.h"
#include "harness/judge/values.h"
#include "harness/judge/workloads.h"

namespace assay {
namespace {

constexpr const char* kDense = "dense";
/// What must agree for one cell's accounting to hold for another.
constexpr std::array<const char*, 5> kSubject = {"model", "method", "calibration", "seed",
                                                 "profile"};

std::string subject_of(const CellRecord& cell) {
  Json parts = Json::array();
  for (const char* part : kSubject) parts.push_back(cell.key_doc.value(part, Json()));
  return parts.dump();
}

std::string session_key(const std::string& cell_key, const std::string& session) {
  return cell_key + " " + session;
}

bool timed(const MetricRecord& metric) {
  return !metric.processes.empty() && metric.def.direction != 0 && !of_one_process(metric.def.tag);
}

double positive(const Json& document, const char* key) {
  const Json value = document.value(key, Json());
  return value.is_number() && value.get<double>() > 0 ? value.get<double>() : 0;
}

Prediction ratio_of(const std::optional<double>& dense, const std::optional<double>& compressed,
                    const std::string& no_dense, const std::string& no_compressed) {
  if (!dense) return {std::nullopt, "dense: " + no_dense};
  if (!compressed) return {std::nullopt, no_compressed};
  if (*dense <= 0 || *compressed <= 0) return {std::nullopt, "a side has nothing to count"};
  return {*dense / *compressed, ""};
}

/// Seconds that the machine needs at least, and what for.
struct Bound {
  double seconds = 0;
  std::string by;
};

std::optional<Bound> bound_of(const SampleWork& work, const MachineFigures& machine) {
  if (!work.bytes || !work.flops) return std::nullopt;
  const double reading = *work.bytes / machine.bandwidth;
  const double computing = *work.flops / machine.gemm_flops;
  if (reading <= 0 || computing <= 0) return std::nullopt;
  return computing > reading ? Bound{computing, "compute"} : Bound{reading, "memory"};
}

class Rows {
 public:
  Rows(const std::vector<CellRecord>& cells, const std::vector<CellRecord>& twins,
       const std::vector<MachineFigures>& machines)
      : cells_(cells), machines_(machines) {
    for (const CellRecord& cell : cells) {
      same_subject_[subject_of(cell)].push_back(&cell);
      if (std::any_of(cell.metrics.begin(), cell.metrics.end(), timed)) {
        timed_suites_.insert(cell.suite);
      }
    }
    for (const auto* list : {&cells, &twins}) {
      for (const CellRecord& cell : *list) {
        if (cell.status == "OK") measured_.emplace(session_key(cell.cell_key, cell.session), &cell);
      }
    }
  }

  std::vector<SpeedUp> make() const {
    std::vector<SpeedUp> rows;
    for (const CellRecord& cell : cells_) {
      if (cell.method != kDense) add(cell, rows);
    }
    return rows;
  }

 private:
  void add(const CellRecord& cell, std::vector<SpeedUp>& rows) const {
    if (cell.status != "OK") {
      if (timed_elsewhere(cell)) rows.push_back(failed(cell));
      return;
    }
    const CellRecord* twin = twin_of(cell);
    for (const MetricRecord& metric : cell.metrics) {
      if (!timed(metric)) continue;
      SpeedUp row = start(cell);
      row.metric = metric.def.tag;
      row.unit = metric.def.unit;
      row.compressed = metric.summary.value;
      measure(cell, twin, row);
      if (twin != nullptr) predict(cell, *twin, row);
      rows.push_back(std::move(row));
    }
  }

  /// Its suite measures times: some cell of the same suite has them.
  [[nodiscard]] bool timed_elsewhere(const CellRecord& cell) const {
    return timed_suites_.contains(cell.suite);
  }

  [[nodiscard]] SpeedUp start(const CellRecord& cell) const {
    SpeedUp row;
    row.model = cell.model;
    row.suite = cell.suite;
    row.suite_params = cell.suite_params;
    row.method = cell.method;
    row.params = cell.params;
    row.profile = cell.profile;
    row.cell_key = cell.cell_key;
    row.twin_key = cell.twin_key;
    row.seed = cell.seed;
    row.random_weights = cell.random_weights;
    row.limited = cell.limited;
    row.fit = fit_cost(cell);
    return row;
  }

  [[nodiscard]] SpeedUp failed(const CellRecord& cell) const {
    SpeedUp row = start(cell);
    row.reason = cell.reason.empty() ? cell.status : cell.status + ": " + cell.reason;
    row.by_flops.reason = row.by_bytes.reason = row.by_roofline.reason = row.reason;
    return row;
  }

  [[nodiscard]] const CellRecord* twin_of(const CellRecord& cell) const {
    const auto found = measured_.find(session_key(cell.twin_key, cell.session));
    return found == measured_.end() ? nullptr : found->second;
  }

  [[nodiscard]] std::span<const CellRecord* const> of_same_subject(const CellRecord& cell) const {
    const auto found = same_subject_.find(subject_of(cell));
    if (found == same_subject_.end()) return {};
    return found->second;
  }

  /// A cell of the same subject that counted its work; the cell itself when it did.
  [[nodiscard]] const CellRecord* accounting_of(const CellRecord& cell) const {
    if (value_of(cell, "model/flops_per_token")) return &cell;
    for (const CellRecord* other : of_same_subject(cell)) {
      if (value_of(*other, "model/flops_per_token")) return other;
    }
    return nullptr;
  }

  static void measure(const CellRecord& cell, const CellRecord* twin, SpeedUp& row) {
    if (twin == nullptr) {
      row.reason = cell.twin_key.empty() ? "no dense twin in the experiment"
                                         : "the dense twin was not timed in the same session";
      row.by_flops.reason = row.by_bytes.reason = row.by_roofline.reason = row.reason;
      return;
    }
    row.dense = value_of(*twin, row.metric);
    Rules rules;
    rules.metrics = {row.metric};
    const std::vector<Judgement> judged = judge_cell(*twin, cell, rules);
    if (judged.empty()) {
      row.reason = "the dense twin has no such metric";
      return;
    }
    take(judged.front(), row);
  }

  /// The judgement speaks of compressed / dense; a speed-up is the cost turned round.
  static void take(const Judgement& judgement, SpeedUp& row) {
    row.verdict = judgement.verdict;
    row.pairs = std::min(judgement.n_a, judgement.n_b);
    const auto effect = judgement.paired_effect ? judgement.paired_effect : judgement.effect;
    if (!effect) {
      row.reason = judgement.reasons.empty() ? "not judged" : judgement.reasons.front().text;
      return;
    }
    const bool lower_is_better = judgement.direction < 0;
    row.measured = lower_is_better ? 1 / *effect : *effect;
    if (!judgement.interval) return;
    row.interval_method = judgement.interval_method;
    row.interval = lower_is_better
                       ? Interval{1 / judgement.interval->hi, 1 / judgement.interval->lo}
                       : *judgement.interval;
  }

  void predict(const CellRecord& cell, const CellRecord& twin, SpeedUp& row) const {
    const SampleWork dense = work_of(twin, accounting_of(twin), row.metric);
    const SampleWork work = work_of(cell, accounting_of(cell), row.metric);
    row.by_flops = ratio_of(dense.flops, work.flops, dense.no_flops, work.no_flops);
    row.by_bytes = ratio_of(dense.bytes, work.bytes, dense.no_bytes, work.no_bytes);
    const MachineFigures* machine = machine_of(cell, row.by_roofline.reason);
    if (machine == nullptr) return;
    const auto limit = bound_of(work, *machine);
    const auto dense_limit = bound_of(dense, *machine);
    if (!limit || !dense_limit) {
      row.by_roofline.reason = row.by_bytes.value ? row.by_flops.reason : row.by_bytes.reason;
      return;
    }
    row.by_roofline.value = dense_limit->seconds / limit->seconds;
    row.bound = limit->by;
    row.dense_bound = dense_limit->by;
    if (row.unit != "s") return;
    if (row.compressed) row.reached = limit->seconds / *row.compressed;
    if (row.dense) row.dense_reached = dense_limit->seconds / *row.dense;
  }

  [[nodiscard]] const MachineFigures* machine_of(const CellRecord& cell, std::string& why) const {
    const auto found =
        std::find_if(machines_.begin(), machines_.end(),
                     [&](const MachineFigures& m) { return m.profile == cell.profile; });
    if (found == machines_.end()) {
      why = "the machine was not examined: assay doctor --profile " + cell.profile + " --db ...";
      return nullptr;
    }
    if (found->fingerprint != cell.key_doc.value("/profile/fingerprint"_json_pointer, Json())) {
      why = "assay doctor examined this profile on another machine, or before it changed";
      return nullptr;
    }
    return &*found;
  }

  [[nodiscard]] FitCost fit_cost(const CellRecord& cell) const {
    FitCost cost;
    const std::span<const CellRecord* const> others = of_same_subject(cell);
    const auto find = [&](const char* tag) {
      std::optional<double> value = value_of(cell, tag);
      for (const CellRecord* other : others) {
        if (!value) value = value_of(*other, tag);
      }
      return value;
    };
    cost.seconds = find("fit/seconds");
    cost.peak_rss_bytes = find("fit/peak_rss");
    cost.artefact_bytes = find("artefact/bytes");
    cost.calibration_tokens = find("fit/calibration_tokens");
    if (cost.calibration_tokens) return cost;
    // An artefact of an older worker did not tell.
    const Json calibration = cell.key_doc.value("calibration", Json());
    if (calibration.is_object()) {
      cost.calibration_tokens =
          calibration.value("samples", 0.0) * calibration.value("tokens", 0.0);
    }
    return cost;
  }

  const std::vector<CellRecord>& cells_;
  std::map<std::string, std::vector<const CellRecord*>> same_subject_;
  std::map<std::string, const CellRecord*> measured_;  ///< by cell and session
  std::set<std::string> timed_suites_;
  const std::vector<MachineFigures>& machines_;
};

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json prediction_json(const Prediction& prediction) {
  return {{"value", or_null(prediction.value)}, {"reason", prediction.reason}};
}

Json fit_json(const FitCost& fit) {
  return {{"seconds", or_null(fit.seconds)},
          {"peak_rss_bytes", or_null(fit.peak_rss_bytes)},
          {"artefact_bytes", or_null(fit.artefact_bytes)},
          {"calibration_tokens", or_null(fit.calibration_tokens)}};
}

}  // namespace

std::optional<MachineFigures> machine_figures(const Json& machine_check) {
  MachineFigures figures;
  figures.profile = machine_check.value("profile", "");
  figures.gemm_flops = positive(machine_check, "gemm_flops");
  figures.bandwidth = positive(machine_check, "bandwidth_bytes_per_s");
  figures.fingerprint = machine_check.value("profile_on_this_machine", Json());
  if (figures.profile.empty() || figures.gemm_flops <= 0 || figures.bandwidth <= 0) {
    return std::nullopt;
  }
  return figures;
}

std::vector<SpeedUp> speed_ups(const std::vector<CellRecord>& cells,
                               const std::vector<CellRecord>& twins,
                               const std::vector<MachineFigures>& machines) {
  return Rows(cells, twins, machines).make();
}

std::vector<SpeedUp> speed_ups(const Store& store, const std::string& experiment) {
  const std::vector<CellRecord> cells = store.cell_records(experiment);
  std::set<std::string> profiles;
  for (const CellRecord& cell : cells) profiles.insert(cell.profile);
  std::vector<MachineFigures> machines;
  for (const std::string& profile : profiles) {
    const std::vector<Json> checks = store.machine_checks(profile);
    const auto figures = checks.empty() ? std::nullopt : machine_figures(checks.front());
    if (figures) machines.push_back(*figures);
  }
  return speed_ups(cells, store.twin_records(experiment), machines);
}

Json to_json(const SpeedUp& row) {
  const Json params = try_parse_json(row.params);
  const Json suite_params = try_parse_json(row.suite_params);
  return {{"model", row.model},
          {"suite", row.suite},
          {"suite_params", suite_params.is_discarded() ? Json(row.suite_params) : suite_params},
          {"method", row.method},
          {"params", params.is_discarded() ? Json(row.params) : params},
          {"profile", row.profile},
          {"cell_key", row.cell_key},
          {"twin_key", row.twin_key},
          {"seed", row.seed},
          {"random_weights", row.random_weights},
          {"limited", row.limited},
          {"metric", row.metric},
          {"unit", row.unit},
          {"dense", or_null(row.dense)},
          {"compressed", or_null(row.compressed)},
          {"measured", or_null(row.measured)},
          {"interval", row.interval ? Json{row.interval->lo, row.interval->hi} : Json()},
          {"interval_method", row.interval_method},
          {"pairs", row.pairs},
          {"verdict", verdict_name(row.verdict)},
          {"reason", row.reason},
          {"by_flops", prediction_json(row.by_flops)},
          {"by_bytes", prediction_json(row.by_bytes)},
          {"by_roofline", prediction_json(row.by_roofline)},
          {"bound", row.bound},
          {"dense_bound", row.dense_bound},
          {"reached", or_null(row.reached)},
          {"dense_reached", or_null(row.dense_reached)},
          {"fit", fit_json(row.fit)}};
}

}  // namespace assay
