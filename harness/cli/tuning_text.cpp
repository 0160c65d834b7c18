#include "harness/cli/tuning_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/display.h"
#include "harness/base/text.h"
#include "harness/stats/intervals.h"

namespace assay {
namespace {

using tune::Aim;
using tune::Candidate;
using tune::Design;
using tune::Told;
using tune::Trial;

using Line = std::vector<std::string>;

/// Both ends of a 95 % interval of what was told, as values.
Interval interval_of(const Told& told, const Aim& aim) {
  const Interval inner = normal_interval(told.value, told.sd);
  const double a = aim.scale.value(inner.lo), b = aim.scale.value(inner.hi);
  return {std::min(a, b), std::max(a, b)};
}

std::string told_text(const Told& told, const Aim& aim) {
  const Interval interval = interval_of(told, aim);
  return fmt::format("{:.4g} [{:.4g}, {:.4g}]", aim.scale.value(told.value), interval.lo,
                     interval.hi);
}

std::string value_text(const std::optional<tune::Value>& value, const Aim& aim) {
  return value ? fmt::format("{:.4g}", aim.scale.value(value->inner)) : "-";
}

std::string measured_text(const Candidate& candidate, const tune::Task& task) {
  if (candidate.measured == nullptr) return "not measured";
  return value_text(candidate.measured->quality, task.quality) + ", " +
         value_text(candidate.measured->gain, task.gain);
}

std::string ratio_text(const Candidate& candidate, const tune::Task& task) {
  if (!task.reference.gain || task.gain.scale.points()) return "-";
  return fmt::format("{:.2f}x", std::exp(candidate.gain.value - task.reference.gain->inner));
}

std::string name_of(const Aim& aim) { return aim.suite + " " + aim.metric; }

std::string error_text(double error, const Aim& aim) {
  return aim.scale.points() ? fmt::format("{:.2f} points", error)
                            : fmt::format("{:.1f} %", 100 * std::expm1(error));
}

/// Mean absolute error of observations that the others tell.
double left_out_error(const tune::Surface& surface, const tune::Task& task,
                      std::optional<tune::Value> tune::Cell::*member) {
  const std::vector<Told> told = surface.left_out();
  double sum = 0;
  std::size_t i = 0;
  for (const tune::Cell& cell : task.cells) {
    if (cell.*member) sum += std::abs(told[i++].value - (cell.*member)->inner);
  }
  return sum / static_cast<double>(told.size());
}

std::string heading(const Tuning& tuning) {
  const tune::Task& task = tuning.task;
  std::vector<std::string> axes;
  for (const tune::Axis& axis : task.axes) axes.push_back(axis.name);
  std::string text = fmt::format("{} against {} over {}: {} settings measured, {} to choose from\n",
                                 name_of(task.quality), name_of(task.gain), join(axes, " and "),
                                 task.cells.size(), tuning.tuner.candidates().size());
  text += fmt::format("Reference: {}, {} {}, {} {}\n", task.reference.method, name_of(task.quality),
                      value_text(task.reference.quality, task.quality), name_of(task.gain),
                      value_text(task.reference.gain, task.gain));
  text += fmt::format(
      "Each setting as the others tell it: {} off by {} on the mean, {} by {}\n",
      name_of(task.quality),
      error_text(left_out_error(tuning.tuner.quality(), task, &tune::Cell::quality), task.quality),
      name_of(task.gain),
      error_text(left_out_error(tuning.tuner.gain(), task, &tune::Cell::gain), task.gain));
  std::map<std::string, int> left_out;
  for (const std::string& name : task.left_out) ++left_out[name];
  for (const auto& [name, times] : left_out) {
    text += fmt::format("Left out: {} settings of {}\n", times, name);
  }
  return text;
}

std::string budget_name(double budget, const tune::Task& task) {
  return fmt::format("{:g}{}", budget, task.quality.scale.points() ? "" : " %");
}

std::string choice_table(const Tuning& tuning) {
  const tune::Task& task = tuning.task;
  std::vector<Line> lines{
      {"budget", "setting", name_of(task.quality), name_of(task.gain), "to reference", "measured"}};
  for (const TunedBudget& one : tuning.budgets) {
    if (one.choices.empty()) continue;
    const Candidate& choice = *one.choices.front();
    lines.push_back({budget_name(one.budget, task), place_text(task.axes, choice.at),
                     told_text(choice.quality, task.quality), told_text(choice.gain, task.gain),
                     ratio_text(choice, task), measured_text(choice, task)});
  }
  return lines.size() > 1 ? "\n" + columns(lines) : "";
}

std::string refusals(const Tuning& tuning) {
  std::string text;
  const Candidate& closest = tuning.tuner.closest();
  for (const TunedBudget& one : tuning.budgets) {
    if (!one.choices.empty()) continue;
    text += fmt::format(
        "Budget {}: no setting surely has a {} of {:.4g} or better; the closest is {} with {}\n",
        budget_name(one.budget, tuning.task), name_of(tuning.task.quality),
        tuning.task.quality.scale.value(tuning.tuner.floor_of(one.budget)),
        place_text(tuning.task.axes, closest.at), told_text(closest.quality, tuning.task.quality));
  }
  return text.empty() ? "" : "\n" + text;
}

std::string proposals(const Tuning& tuning) {
  std::vector<Line> lines;
  for (const TunedBudget& one : tuning.budgets) {
    for (const Candidate* candidate : one.next) {
      lines.push_back({budget_name(one.budget, tuning.task),
                       place_text(tuning.task.axes, candidate->at),
                       told_text(candidate->quality, tuning.task.quality),
                       told_text(candidate->gain, tuning.task.gain)});
    }
  }
  return lines.empty() ? "" : "\nWorth measuring next, by budget:\n" + columns(lines);
}

std::string percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.0f} %", 100 * share);
}

const char* design_name(Design design) { return design == Design::kDrawn ? "drawn" : "proposed"; }

std::string trial_table(const Tuning& tuning) {
  if (tuning.trials.empty()) return "";
  std::vector<Line> lines{{"settings seen", "fit cost", "quality off by", "cost off by",
                           "best is first", "in first 3", "over budget", "given up"}};
  for (const Trial& trial : tuning.trials) {
    lines.push_back({fmt::format("{} {}", trial.cells, design_name(trial.design)),
                     percent(trial.cost_share),
                     error_text(trial.quality_error, tuning.task.quality),
                     error_text(trial.gain_error, tuning.task.gain), percent(trial.hit1),
                     percent(trial.hit3), percent(trial.violated), percent(trial.regret)});
  }
  return "\nWhat some of the measured settings tell of the others:\n" + columns(lines);
}

Json told_json(const Told& told, const Aim& aim) {
  const Interval interval = interval_of(told, aim);
  return {{"value", aim.scale.value(told.value)}, {"lo", interval.lo}, {"hi", interval.hi}};
}

Json measured_json(const std::optional<tune::Value>& value, const Aim& aim) {
  return value ? Json(aim.scale.value(value->inner)) : Json();
}

Json place_json(const std::vector<tune::Axis>& axes, const std::vector<double>& at) {
  Json place = Json::object();
  for (std::size_t i = 0; i < axes.size(); ++i) place[axes[i].name] = at[i];
  return place;
}

Json candidate_json(const Candidate& candidate, const tune::Task& task) {
  Json json = {{"at", place_json(task.axes, candidate.at)},
               {"quality", told_json(candidate.quality, task.quality)},
               {"cost", told_json(candidate.gain, task.gain)},
               {"measured", nullptr}};
  if (candidate.measured != nullptr) {
    json["measured"] = {{"quality", measured_json(candidate.measured->quality, task.quality)},
                        {"cost", measured_json(candidate.measured->gain, task.gain)}};
  }
  return json;
}

Json candidates_json(const std::vector<const Candidate*>& candidates, const tune::Task& task) {
  Json json = Json::array();
  for (const Candidate* one : candidates) json.push_back(candidate_json(*one, task));
  return json;
}

/// JSON has no NaN.
Json known(double value) { return std::isnan(value) ? Json() : Json(value); }

Json trial_json(const Trial& trial) {
  return {{"design", design_name(trial.design)},
          {"cells", trial.cells},
          {"draws", trial.draws},
          {"fit_cost_share", known(trial.cost_share)},
          {"quality_error", trial.quality_error},
          {"cost_error", trial.gain_error},
          {"hit1", trial.hit1},
          {"hit3", trial.hit3},
          {"violated", trial.violated},
          {"regret", trial.regret}};
}

Json aim_json(const Aim& aim) {
  return {{"suite", aim.suite},
          {"metric", aim.metric},
          {"unit", aim.unit},
          {"errors_in", aim.scale.points() ? "points" : "logarithm"}};
}

}  // namespace

std::string tuning_text(const Tuning& tuning) {
  return heading(tuning) + choice_table(tuning) + refusals(tuning) + proposals(tuning) +
         trial_table(tuning);
}

Json tuning_json(const Tuning& tuning) {
  const tune::Task& task = tuning.task;
  Json document = {
      {"version", 1},
      {"quality", aim_json(task.quality)},
      {"cost", aim_json(task.gain)},
      {"reference",
       {{"method", task.reference.method},
        {"quality", measured_json(task.reference.quality, task.quality)},
        {"cost", measured_json(task.reference.gain, task.gain)}}},
      {"measured", task.cells.size()},
      {"left_out", task.left_out.size()},
      {"closest", candidate_json(tuning.tuner.closest(), task)},
      {"budgets", Json::array()},
      {"trials", Json::array()},
  };
  for (const tune::Candidate& candidate : tuning.tuner.candidates()) {
    document["candidates"].push_back(candidate_json(candidate, task));
  }
  for (const TunedBudget& one : tuning.budgets) {
    document["budgets"].push_back({{"budget", one.budget},
                                   {"choices", candidates_json(one.choices, task)},
                                   {"next", candidates_json(one.next, task)}});
  }
  for (const Trial& trial : tuning.trials) document["trials"].push_back(trial_json(trial));
  return document;
}

}  // namespace assay
