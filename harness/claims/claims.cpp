#include "harness/claims/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/params.h"
#include "harness/base/text.h"

namespace assay {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const MethodEntry* method_named(const Catalogue& catalogue, const std::string& name) {
  for (const MethodEntry& entry : catalogue.methods) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

void check_params(const Claim& claim, const MethodEntry& method,
                  std::vector<std::string>& problems) {
  for (const auto& [name, value] : claim.params->items()) {
    std::vector<std::string> known;
    const ParamSpec* found = nullptr;
    for (const ParamSpec& spec : method.params) {
      known.push_back(spec.name);
      if (spec.name == name) found = &spec;
    }
    const auto problem = found == nullptr
                             ? unknown_name_message("parameter of " + method.name, name, known)
                             : value_problem(*found, value).value_or("");
    if (problem.empty()) continue;
    problems.push_back(fmt::format("{}: claim '{}': {}{}", claim.place.text(), claim.id,
                                   found == nullptr ? "" : name + " = ", problem));
  }
}

void check_suite(const std::string& suite, const std::string& where, const Catalogue& catalogue,
                 std::vector<std::string>& problems) {
  if (suite.empty()) return;
  std::vector<std::string> known;
  for (const SuiteEntry& entry : catalogue.suites) known.push_back(entry.id);
  if (!contains(known, suite)) {
    problems.push_back(fmt::format("claims/metrics.toml: {}: {}", where,
                                   unknown_name_message("suite", suite, known)));
  }
}

}  // namespace

std::string grade_name(Grade grade) {
  switch (grade) {
    case Grade::kVerified:
      return "verified";
    case Grade::kSecondary:
      return "secondary";
    case Grade::kRecalled:
      return "recalled";
    case Grade::kUnknown:
      return "unknown";
  }
  return "";
}

std::string PublishedValue::printed() const {
  switch (kind) {
    case Kind::kNone:
      return "";
    case Kind::kNumber:
      return fmt::format("{}", lo);
    case Kind::kRange:
      return fmt::format("{}-{}", lo, hi);
    case Kind::kBelow:
      return fmt::format("<{}", hi);
    case Kind::kAbove:
      return fmt::format(">{}", lo);
    case Kind::kText:
      return text;
  }
  return "";
}

std::string Claim::metric_name() const {
  const std::string& name = metric.empty() ? metric_text : metric;
  return metric_note.empty() ? name : fmt::format("{} ({})", name, metric_note);
}

const ClaimMetric* ClaimSet::metric_of(const Claim& claim) const {
  for (const ClaimMetric& metric : metrics) {
    if (metric.id == claim.metric) return &metric;
  }
  return nullptr;
}

const ClaimDataset* ClaimSet::dataset_of(const Claim& claim) const {
  for (const ClaimDataset& dataset : datasets) {
    if (contains(dataset.names, claim.dataset)) return &dataset;
  }
  return nullptr;
}

void check_claims(const ClaimSet& claims, const Catalogue& catalogue) {
  std::vector<std::string> problems;
  for (const ClaimMetric& metric : claims.metrics) {
    check_suite(metric.suite, "metric '" + metric.id + "'", catalogue, problems);
  }
  for (const ClaimDataset& dataset : claims.datasets) {
    check_suite(dataset.suite, "data set '" + dataset.names.front() + "'", catalogue, problems);
  }
  for (const Paper& paper : claims.papers) {
    for (const Claim& claim : paper.claims) {
      const MethodEntry* method = method_named(catalogue, claim.method);
      if (method != nullptr && claim.params) check_params(claim, *method, problems);
    }
  }
  if (!problems.empty()) throw UserError(problems);
}

std::vector<ClaimOf> find_claims(const ClaimSet& claims, const std::string& name) {
  std::vector<ClaimOf> of_paper, of_method;
  std::set<std::string> known;
  for (const Paper& paper : claims.papers) {
    known.insert(paper.name);
    known.insert(paper.aliases.begin(), paper.aliases.end());
    const bool asked = paper.name == name || contains(paper.aliases, name);
    for (const Claim& claim : paper.claims) {
      if (asked) of_paper.push_back({&paper, &claim});
      if (claim.method == name) of_method.push_back({&paper, &claim});
      known.insert(claim.method);
    }
  }
  if (!of_paper.empty()) return of_paper;
  if (!of_method.empty()) return of_method;
  throw UserError(unknown_name_message("paper or method", name, {known.begin(), known.end()}) +
                  "; see: assay reproduce --list");
}

}  // namespace assay
