#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "harness/base/text.h"
#include "harness/claims/reasons.h"

namespace assay {
namespace {

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool equal(const Json& a, const Json& b) {
  if (!a.is_number() || !b.is_number()) return a == b;
  return std::abs(a.get<double>() - b.get<double>()) < 1e-9;
}

/// Lower case, without folders before the name, separators, and "hf" at the end.
std::string plain_name(std::string name) {
  std::string plain;
  if (name.starts_with("hf:")) name.resize(std::min(name.find('@'), name.size()));
  const std::size_t slash = name.find_last_of('/');
  for (const char letter : name.substr(slash == std::string::npos ? 0 : slash + 1)) {
    if (letter == '-' || letter == '_' || letter == ' ') continue;
    plain += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  if (plain.ends_with("hf")) plain.resize(plain.size() - 2);
  return plain;
}

void about_model(const ClaimOf& of, const Measured& measured, Reasons& reasons) {
  if (!same_model(*of.paper, *of.claim, measured.row.model)) {
    reasons.push_back({"other_model", fmt::format("other model (here {})", measured.row.model)});
  }
  if (of.claim->random_weights && !measured.row.random_weights) {
    reasons.push_back({"random_weights", "random weights there, trained ones here"});
  } else if (measured.row.random_weights && !of.claim->random_weights) {
    reasons.push_back({"random_weights", "random weights here"});
  }
}

/// A convention names parameters of its suite: "gptq@{window}: ..." with window = 256 is
/// "gptq@256: ...".
std::string filled_in(std::string convention, const Json& suite_params) {
  for (const auto& [name, value] : suite_params.items()) {
    const std::string hole = "{" + name + "}";
    const std::size_t at = convention.find(hole);
    if (at != std::string::npos) convention.replace(at, hole.size(), shown(value));
  }
  return convention;
}

std::string convention_in_short(const std::string& convention) {
  return convention.substr(0, convention.find(':'));
}

void about_data(const ClaimSet& claims, const Claim& claim, const Measured& measured,
                Reasons& reasons) {
  const ClaimMetric& metric = *claims.metric_of(claim);
  std::string suite = metric.suite;
  const ClaimDataset* dataset = claims.dataset_of(claim);
  if (suite.empty() && dataset != nullptr) suite = dataset->suite;
  const bool scored =
      metric.kind == MetricKind::kPerplexity || metric.kind == MetricKind::kAccuracy;
  if (!scored) return;
  if (measured.row.suite != suite) {
    reasons.push_back({"other_data", fmt::format("other data (here {})", measured.row.suite)});
  }
  if (!measured.data_notes.empty()) {
    reasons.push_back({"other_data", "other data (" + join(measured.data_notes, "; ") + ")"});
  }
  const std::string convention = filled_in(measured.row.convention, measured.suite_params);
  if (!measured.row.metric.empty() && !convention.starts_with(metric.convention)) {
    reasons.push_back({"other_convention", fmt::format("other convention or window ({}, here {})",
                                                       convention_in_short(metric.convention),
                                                       convention_in_short(convention))});
  }
}

/// A pattern says how many go: `sparsity` has no meaning beside it.
bool counts(const std::string& param, const Claim& claim) {
  return param != "sparsity" || claim.params->value("pattern", "unstructured") == "unstructured";
}

/// Of another method only what the claim itself sets is asked, and only where both have it.
Json asked_params(const Claim& claim, const Measured& measured, const MethodKnowledge& methods) {
  if (!claim.params || !methods.has(claim.method)) return Json::object();
  Json asked = Json::object();
  if (measured.row.method == claim.method) asked = methods.defaults.at(claim.method);
  for (const auto& [name, value] : claim.params->items()) {
    if (measured.row.method == claim.method || measured.params.contains(name)) asked[name] = value;
  }
  return asked;
}

void about_setting(const Claim& claim, const Measured& measured, const MethodKnowledge& methods,
                   Reasons& reasons) {
  const Json asked = asked_params(claim, measured, methods);
  std::vector<std::string> found;
  for (const auto& [name, wanted] : asked.items()) {
    const Json here = measured.params.value(name, Json());
    if (!counts(name, claim) || equal(here, wanted)) continue;
    found.push_back(fmt::format("{}: {}, here {}", name, shown(wanted), shown(here)));
  }
  if (!found.empty()) {
    reasons.push_back({"other_setting", "other setting (" + join(found, ", ") + ")"});
  }
}

void about_calibration(const Claim& claim, const Measured& measured, Reasons& reasons) {
  if (measured.calibration.is_null()) return;
  if (!claim.calibration) {
    reasons.push_back({"other_calibration", "its calibration is not stated"});
    return;
  }
  std::vector<std::string> found;
  for (const auto& [name, wanted] : claim.calibration->items()) {
    const Json here = measured.calibration.value(name, Json());
    if (!equal(here, wanted)) {
      found.push_back(fmt::format("{}: {}, here {}", name, shown(wanted), shown(here)));
    }
  }
  if (!found.empty()) {
    reasons.push_back({"other_calibration", "other calibration (" + join(found, ", ") + ")"});
  }
}

void about_length(const char* what, const std::optional<std::int64_t>& stated,
                  const Measured& measured, Reasons& reasons) {
  if (!stated) return;
  const Json here = measured.suite_params.value(what, Json());
  if (equal(here, Json(*stated))) return;
  const bool batch = std::string(what) == "batch";
  reasons.push_back(
      {batch ? "other_batch" : "other_length",
       fmt::format("other {} ({}, here {})", batch ? "batch" : what, *stated, shown(here))});
}

void about_time(const Claim& claim, const Measured& measured, Reasons& reasons) {
  if (!claim.device.empty() && measured.device != claim.device) {
    reasons.push_back(
        {"other_device", fmt::format("other device ({}, here {})", claim.device,
                                     measured.device.empty() ? "not known" : measured.device)});
  }
  about_length("batch", claim.batch, measured, reasons);
  about_length("prompt_tokens", claim.prompt_tokens, measured, reasons);
  about_length("new_tokens", claim.new_tokens, measured, reasons);
}

void about_kind(const ClaimMetric& metric, const Claim& claim, const Measured& measured,
                Reasons& reasons) {
  const bool timed = metric.kind == MetricKind::kSpeedup || metric.kind == MetricKind::kTime;
  if (timed) about_time(claim, measured, reasons);
  const bool ratio = metric.kind == MetricKind::kSpeedup || metric.kind == MetricKind::kReduction;
  if (ratio && measured.row.status == "OK" && !measured.row.ratio.value_or(0)) {
    reasons.push_back({"no_twin", "no dense twin in the same session"});
  }
}

void about_cell(const Claim& claim, const Measured& measured, Reasons& reasons) {
  if (measured.row.method != claim.method) {
    reasons.push_back({"other_method", fmt::format("other method (here {})", measured.row.method)});
  }
  if (measured.row.status != "OK" || !measured.row.value) {
    reasons.push_back({"failed_here",
                       fmt::format("{} here{}", measured.row.status,
                                   measured.row.reason.empty() ? "" : ": " + measured.row.reason)});
  }
  if (measured.row.limited) reasons.push_back({"limited_run", "limited run here"});
}

}  // namespace

bool same_model(const Paper& paper, const Claim& claim, const std::string& measured) {
  const std::string here = plain_name(measured);
  if (plain_name(claim.model) == here) return true;
  const auto names = paper.model_names.find(claim.model);
  if (names == paper.model_names.end()) return false;
  return std::any_of(names->second.begin(), names->second.end(),
                     [&](const std::string& name) { return plain_name(name) == here; });
}

Reasons differences(const ClaimSet& claims, const ClaimOf& of, const Measured& measured,
                    const MethodKnowledge& methods) {
  const Claim& claim = *of.claim;
  Reasons reasons;
  about_model(of, measured, reasons);
  about_data(claims, claim, measured, reasons);
  about_cell(claim, measured, reasons);
  about_setting(claim, measured, methods, reasons);
  if (measured.row.method == claim.method) about_calibration(claim, measured, reasons);
  about_kind(*claims.metric_of(claim), claim, measured, reasons);
  return reasons;
}

int distance(const Reasons& reasons) {
  static const std::map<std::string, int> kWeights = {
      {"other_method", 64}, {"failed_here", 48}, {"other_model", 24},      {"other_setting", 16},
      {"other_data", 8},    {"other_device", 8}, {"other_convention", 4},  {"random_weights", 4},
      {"no_twin", 4},       {"limited_run", 2},  {"other_calibration", 2}, {"other_batch", 1},
      {"other_length", 1}};
  int sum = 0;
  for (const ClaimReason& reason : reasons) {
    const auto weight = kWeights.find(reason.code);
    sum += weight == kWeights.end() ? 1 : weight->second;
  }
  return sum;
}

}  // namespace assay
