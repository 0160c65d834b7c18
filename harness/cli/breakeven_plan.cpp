#include "harness/cli/breakeven_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/base/dense_method.h"
#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/cli/selector.h"

namespace assay {
namespace {

constexpr double kSteps = 64;

bool numeric(const ParamSpec& spec) {
  return spec.type == ParamType::kInt || spec.type == ParamType::kReal;
}

const ParamSpec* find_spec(const std::vector<ParamSpec>& specs, const std::string& name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [&](const ParamSpec& spec) {
    return spec.name == name && numeric(spec);
  });
  return found == specs.end() ? nullptr : &*found;
}

/// The entries of `list` that the selector names. Settings that differ in `over` alone are one.
template <typename Choice>
std::vector<Choice> chosen(const std::vector<Choice>& list, const std::string& text,
                           const std::string& over) {
  const Selector selector = parse_selector(text);
  std::vector<Choice> found;
  std::set<std::string> seen;
  for (const Choice& choice : list) {
    if (!text.empty() && (choice.id != selector.name || !selector.fits(choice.params))) continue;
    Json others = choice.params;
    others.erase(over);
    if (seen.insert(choice.id + others.dump()).second) found.push_back(choice);
  }
  return found;
}

template <typename Choice>
std::string described(const std::vector<Choice>& list) {
  std::vector<std::string> texts;
  for (const Choice& choice : list) texts.push_back(choice.id + " " + choice.params.dump());
  return texts.empty() ? "none" : join(texts, "; ");
}

template <typename Choice>
const Choice& only_one(const std::vector<Choice>& found, const std::vector<Choice>& all,
                       const char* what, const char* option) {
  if (found.size() == 1) return found.front();
  throw UserError(
      fmt::format("{} {}s fit; choose one with {} NAME or {} NAME:PARAMETER=VALUE. "
                  "There are: {}",
                  found.size(), what, option, option, described(found.empty() ? all : found)));
}

std::string only_name(const std::vector<std::string>& names, const std::string& asked,
                      const char* what, const char* option) {
  if (asked.empty() && names.size() == 1) return names.front();
  if (asked.empty()) {
    throw UserError(fmt::format("the experiment has {} {}s; choose one with {}: {}", names.size(),
                                what, option, join(names, ", ")));
  }
  if (std::find(names.begin(), names.end(), asked) != names.end()) return asked;
  throw UserError(unknown_name_message(what, asked, names));
}

class Planner {
 public:
  Planner(const Experiment& experiment, const Catalogue& catalogue, const BreakEvenChoice& choice)
      : experiment_(experiment), catalogue_(catalogue), choice_(choice) {}

  BreakEvenPlan make() {
    const MethodChoice method = method_choice();
    const SuiteChoice suite = suite_choice();
    const ParamSpec spec = axis_spec(method, suite);
    plan_.base = experiment_;
    plan_.base.methods = {dense(), method};
    plan_.base.suites = {suite};
    choose_place();
    plan_.base.name = fmt::format("{}.breakeven.{}.{}", experiment_.name, method.id, plan_.over);
    plan_.base.title = fmt::format("Where {} meets dense over {}", method.id, plan_.over);
    plan_.axis = axis(spec);
    plan_.metric = metric(suite);
    return plan_;
  }

 private:
  [[nodiscard]] MethodChoice dense() const {
    for (const MethodChoice& method : experiment_.methods) {
      if (method.id == kDense) return method;
    }
    throw UserError(
        "the experiment has no method 'dense', so that there is nothing to compare "
        "with; add [[method]] id = \"dense\"");
  }

  [[nodiscard]] MethodChoice method_choice() const {
    std::vector<MethodChoice> methods;
    for (const MethodChoice& method : experiment_.methods) {
      if (method.id != kDense) methods.push_back(method);
    }
    return only_one(chosen(methods, choice_.method, choice_.over), methods, "method", "--method");
  }

  [[nodiscard]] SuiteChoice suite_choice() const {
    std::vector<SuiteChoice> timed;
    for (const SuiteChoice& suite : experiment_.suites) {
      if (catalogue_.suite_kind(suite.kind).stage == "time") timed.push_back(suite);
    }
    return only_one(chosen(timed, choice_.suite, choice_.over), timed, "timed suite", "--suite");
  }

  ParamSpec axis_spec(const MethodChoice& method, const SuiteChoice& suite) {
    const auto& of_method = catalogue_.method(method.id).params;
    const auto& of_suite = catalogue_.suite_kind(suite.kind).params;
    plan_.over = choice_.over;
    const ParamSpec* left = find_spec(of_method, plan_.over);
    const ParamSpec* right = find_spec(of_suite, plan_.over);
    if (left != nullptr && right != nullptr) {
      throw UserError(fmt::format("--over {}: both the method and the suite have it", plan_.over));
    }
    if (left == nullptr && right == nullptr) {
      std::vector<std::string> names;
      for (const auto* specs : {&of_method, &of_suite}) {
        for (const ParamSpec& spec : *specs) {
          if (numeric(spec)) names.push_back(spec.name);
        }
      }
      throw UserError(unknown_name_message("numeric parameter", plan_.over, names));
    }
    plan_.of_method = left != nullptr;
    return left != nullptr ? *left : *right;
  }

  void choose_place() {
    Experiment& base = plan_.base;
    std::vector<std::string> models;
    for (const ModelChoice& model : base.models) models.push_back(model.id);
    const std::string model = only_name(models, choice_.model, "model", "--model");
    std::erase_if(base.models, [&](const ModelChoice& other) { return other.id != model; });
    base.profiles = {only_name(base.profiles, choice_.profile, "profile", "--profile")};
    base.seeds = {base.seeds.front()};
    if (choice_.processes > 0) {
      base.processes_per_arm = choice_.processes;
      base.sampling = {};  // a number that was asked for is that number
    }
    if (base.processes_per_arm < 2) {
      throw UserError("one process an arm decides nothing; raise processes_per_arm or --processes");
    }
  }

  void check_value(const ParamSpec& spec, const std::string& option, double value) const {
    const bool whole = spec.type != ParamType::kInt || value == std::floor(value);
    const Json json = whole && spec.type == ParamType::kInt ? Json(static_cast<std::int64_t>(value))
                                                            : Json(value);
    const auto problem = value_problem(spec, json);
    if (!whole || problem) {
      throw UserError(fmt::format("{}: {} = {}", option, spec.name,
                                  problem.value_or(fmt::format("{:g} is no integer", value))));
    }
  }

  [[nodiscard]] SearchAxis axis(const ParamSpec& spec) const {
    check_value(spec, "--from", choice_.from);
    check_value(spec, "--to", choice_.to);
    if (choice_.to <= choice_.from) {
      throw UserError(
          fmt::format("--from {:g} --to {:g}: the range must grow", choice_.from, choice_.to));
    }
    SearchAxis result;
    result.from = choice_.from;
    result.to = choice_.to;
    result.integer = spec.type == ParamType::kInt;
    result.most_points = choice_.most_points;
    result.tolerance =
        choice_.tolerance > 0 ? choice_.tolerance : (choice_.to - choice_.from) / kSteps;
    result.grid =
        choice_.at.empty() ? default_grid(choice_.from, choice_.to, result.integer) : choice_.at;
    std::sort(result.grid.begin(), result.grid.end());
    result.grid.erase(std::unique(result.grid.begin(), result.grid.end()), result.grid.end());
    for (const double value : result.grid) check_value(spec, "--at", value);
    if (result.grid.front() < result.from || result.grid.back() > result.to) {
      throw UserError("--at: values lie outside --from and --to");
    }
    return result;
  }

  /// The first of the kind's metrics that is a time.
  [[nodiscard]] std::string metric(const SuiteChoice& suite) const {
    std::vector<std::string> times;
    for (const MetricDef& def : catalogue_.suite_kind(suite.kind).metrics) {
      if (def.unit == "s" && def.direction < 0) times.push_back(def.tag);
    }
    if (choice_.metric.empty() && !times.empty()) return times.front();
    return only_name(times, choice_.metric, "timed metric", "--metric");
  }

  const Experiment& experiment_;
  const Catalogue& catalogue_;
  const BreakEvenChoice& choice_;
  BreakEvenPlan plan_;
};

template <typename Choice>
std::vector<Choice> along(const Choice& choice, const std::string& over, bool integer,
                          const std::vector<double>& values) {
  std::vector<Choice> list;
  for (const double value : values) {
    list.push_back(choice);
    list.back().params[over] =
        integer ? Json(static_cast<std::int64_t>(std::llround(value))) : Json(value);
  }
  return list;
}

}  // namespace

Experiment BreakEvenPlan::at(const std::vector<double>& values) const {
  Experiment experiment = base;
  if (of_method) {
    const auto methods = along(base.methods.back(), over, axis.integer, values);
    experiment.methods = {base.methods.front()};
    experiment.methods.insert(experiment.methods.end(), methods.begin(), methods.end());
  } else {
    experiment.suites = along(base.suites.front(), over, axis.integer, values);
  }
  return experiment;
}

BreakEvenPlan plan_break_even(const Experiment& experiment, const Catalogue& catalogue,
                              const BreakEvenChoice& choice) {
  return Planner(experiment, catalogue, choice).make();
}

}  // namespace assay
