#pragma once
// Made-up cells and series for the tests of harness/judge.

#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "harness/judge/comparison.h"

namespace assay {

/// Process medians of a drifting machine, A B B A: the log of a process median is an AR(1) drift
/// (deviation 15.5 %, lag-one correlation 0.95 a process) plus 3 % white noise.
struct Machine {
  double drift = 0.155, correlation = 0.95, noise = 0.03;
};

struct Arms {
  std::vector<double> a, b;
};

inline Arms simulate(double slowdown, std::size_t processes, std::mt19937& random,
                     const Machine& machine = {}) {
  std::normal_distribution<double> normal;
  const double innovation = std::sqrt(1 - machine.correlation * machine.correlation);
  double level = normal(random);
  const auto process = [&](double cost) {
    level = machine.correlation * level + innovation * normal(random);
    return cost * std::exp(machine.drift * level + machine.noise * normal(random));
  };
  Arms arms;
  while (arms.a.size() < processes) {
    const bool base_first = random() % 2 == 0;
    for (const bool base : {base_first, !base_first, !base_first, base_first}) {
      (base ? arms.a : arms.b).push_back(1e-3 * process(base ? 1 : slowdown));
    }
  }
  return arms;
}

/// Its twin is the dense cell of the same suite.
inline CellRecord make_record(const std::string& method, const std::string& suite = "decode",
                              const std::string& session = "s1") {
  CellRecord cell;
  cell.experiment = "e";
  cell.model = "tiny";
  cell.method = method;
  cell.params = method == "dense" ? "{}" : R"({"sparsity":0.5})";
  cell.suite = suite;
  cell.suite_params = "{}";
  cell.profile = "cpu";
  cell.key_doc = {{"schema", 1},
                  {"model", {{"hash", "m0"}}},
                  {"method", {{"name", method}, {"source", "1"}, {"params", Json::object()}}},
                  {"calibration", nullptr},
                  {"suite", {{"id", suite}, {"params", {{"window", 128}}}, {"data", "d0"}}},
                  {"profile", {{"id", "cpu"}, {"fingerprint", {{"threads", 1}}}}},
                  {"seed", 0}};
  cell.cell_key = json_hash(cell.key_doc);
  cell.twin_key = method == "dense" ? cell.cell_key : make_record("dense", suite).cell_key;
  cell.status = "OK";
  cell.attempt = method + suite + session;
  cell.session = session;
  return cell;
}

inline MetricRecord value_metric(const std::string& tag, double value, const std::string& unit = "",
                                 int direction = -1) {
  MetricRecord metric;
  const bool measured = unit == "s" || unit == "J" || unit.ends_with("/s");
  metric.def = {tag, unit, direction, "usual", "", measured ? Basis::kMeasured : Basis::kExact};
  metric.summary.tag = tag;
  metric.summary.value = value;
  metric.summary.n = 1;
  return metric;
}

/// A metric that is made of the value `item_value` of the cell's items.
inline MetricRecord item_metric(const std::string& tag, double value, Basis basis,
                                const std::string& item_value) {
  MetricRecord metric = value_metric(tag, value, "", basis == Basis::kShare ? 1 : -1);
  metric.def.basis = basis;
  metric.def.item_value = item_value;
  return metric;
}

inline MetricRecord timed_metric(const std::vector<double>& medians) {
  MetricRecord metric = value_metric("decode/token_latency", median(medians), "s");
  metric.summary.n = static_cast<std::int64_t>(medians.size());
  for (std::size_t i = 0; i < medians.size(); ++i) {
    metric.processes.push_back({static_cast<int>(i), {medians[i]}});
  }
  return metric;
}

inline CellRecord timed_cell(const std::string& method, const std::vector<double>& medians,
                             const std::string& session = "s1") {
  CellRecord cell = make_record(method, "decode", session);
  cell.metrics.push_back(timed_metric(medians));
  return cell;
}

/// A cell with an accuracy whose items are as given.
inline CellRecord scored_cell(const std::string& method, const std::vector<bool>& correct) {
  CellRecord cell = make_record(method, "questions");
  double right = 0;
  for (std::size_t i = 0; i < correct.size(); ++i) {
    ItemScore item;
    item.item = static_cast<std::int64_t>(i);
    item.item_hash = "i" + std::to_string(i);
    item.correct = correct[i];
    item.tokens = 1;
    cell.items.push_back(item);
    right += correct[i] ? 1 : 0;
  }
  cell.metrics.push_back(
      item_metric("acc", right / static_cast<double>(correct.size()), Basis::kShare, "correct"));
  return cell;
}

/// Judges two arms as one session's cells.
inline Judgement judge_arms(const Arms& arms, const Rules& rules, bool paired = true) {
  return judge_cell(timed_cell("dense", arms.a), timed_cell("dense", arms.b, paired ? "s1" : "s2"),
                    rules)
      .front();
}

}  // namespace assay
