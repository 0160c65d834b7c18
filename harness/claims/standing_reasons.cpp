#include <fmt/format.h>

#include "harness/claims/reasons.h"

namespace assay {
namespace {

using Kind = PublishedValue::Kind;

void about_evidence(const Claim& claim, Reasons& reasons) {
  if (claim.grade == Grade::kRecalled) {
    reasons.push_back({"not_a_claim", "only recalled, not read anywhere"});
  }
  if (claim.value.kind == Kind::kNone) {
    reasons.push_back({"no_value", "no value in the claim"});
  } else if (claim.informational || claim.value.kind == Kind::kText) {
    reasons.push_back({"informational", "words or a rough figure, not compared"});
  }
}

void about_method(const Claim& claim, const MethodKnowledge& methods, Reasons& reasons) {
  if (!methods.has(claim.method)) {
    reasons.push_back({"method_absent", "method not in assay"});
  } else if (!claim.params) {
    reasons.push_back({"setting_unknown", "the setting is not known well enough to set it"});
  }
}

void about_metric(const ClaimSet& claims, const Claim& claim, Reasons& reasons) {
  const ClaimMetric* metric = claims.metric_of(claim);
  if (metric == nullptr) {
    reasons.push_back(
        {"other_convention",
         fmt::format("other convention (assay does not measure '{}')", claim.metric_name())});
  } else if (!metric->absent.empty()) {
    reasons.push_back({"other_convention", fmt::format("other convention ({})", metric->absent)});
  }
}

void about_data(const ClaimSet& claims, const Claim& claim, Reasons& reasons) {
  const ClaimMetric* metric = claims.metric_of(claim);
  if (metric == nullptr || !metric->absent.empty() || !metric->suite.empty()) return;
  if (metric->kind != MetricKind::kAccuracy && metric->kind != MetricKind::kPerplexity) return;
  const ClaimDataset* dataset = claims.dataset_of(claim);
  if (dataset == nullptr) {
    reasons.push_back({"other_data", fmt::format("other data (no suite of {})", claim.dataset)});
  } else if (claim.shots && *claim.shots != dataset->shots) {
    reasons.push_back(
        {"other_convention", fmt::format("other convention ({} examples in the prompt, here {})",
                                         *claim.shots, dataset->shots)});
  }
}

/// Either said so, or a row of the dense model that ran on no other stack.
bool against_dense(const ClaimSet& claims, const Claim& claim) {
  if (claim.baseline.empty()) return claim.against == "dense";
  for (const Paper& paper : claims.papers) {
    for (const Claim& other : paper.claims) {
      if (other.id == claim.baseline) return other.method == "dense" && other.stack.empty();
    }
  }
  return false;
}

void about_ratio(const ClaimSet& claims, const Claim& claim, Reasons& reasons) {
  if (!against_dense(claims, claim)) {
    reasons.push_back(
        {"baseline_differs", fmt::format("other baseline ({})",
                                         claim.baseline.empty() ? claim.against : claim.baseline)});
  }
  if (claim.offloaded) {
    reasons.push_back({"offload", "its weights did not lie in the device's memory"});
  }
  if (claim.device.empty()) reasons.push_back({"device_not_stated", "its device is not stated"});
  if (!claim.stack.empty() && claim.stack != "assay") {
    reasons.push_back({"other_stack", fmt::format("other stack ({})", claim.stack)});
  }
}

void about_kind(const ClaimSet& claims, const Claim& claim, Reasons& reasons) {
  const ClaimMetric* metric = claims.metric_of(claim);
  if (metric == nullptr) return;
  if (metric->kind == MetricKind::kSpeedup) about_ratio(claims, claim, reasons);
  if (metric->kind == MetricKind::kTime) {
    reasons.push_back({"absolute_time",
                       claim.hardware.empty()
                           ? "absolute time on another machine"
                           : fmt::format("absolute time on another machine ({})", claim.hardware)});
  }
  if (metric->kind == MetricKind::kReduction && claim.denominator != "model") {
    reasons.push_back(
        {"other_convention", fmt::format("other convention (part of: {})", claim.denominator)});
  }
}

}  // namespace

MethodKnowledge method_knowledge(const Catalogue& catalogue) {
  MethodKnowledge knowledge;
  for (const MethodEntry& method : catalogue.methods) {
    Json defaults = Json::object();
    for (const ParamSpec& spec : method.params) defaults[spec.name] = spec.default_value;
    knowledge.defaults[method.name] = std::move(defaults);
  }
  return knowledge;
}

Reasons standing_reasons(const ClaimSet& claims, const Claim& claim,
                         const MethodKnowledge& methods) {
  Reasons reasons;
  about_evidence(claim, reasons);
  about_method(claim, methods, reasons);
  about_metric(claims, claim, reasons);
  about_data(claims, claim, reasons);
  about_kind(claims, claim, reasons);
  return reasons;
}

}  // namespace assay
