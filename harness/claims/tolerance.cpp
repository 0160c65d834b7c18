#include <algorithm>
#include <cmath>

#include "harness/claims/judge_claims.h"

namespace assay {
namespace {

constexpr double kRounding = 1e-9;  // 5.13 - 5.12 is not exactly 0.01

bool has_pattern(const Claim& claim) {
  return claim.params && claim.params->value("pattern", "unstructured") != "unstructured";
}

bool at_sparsity(const Claim& claim, double sparsity) {
  return claim.params && !has_pattern(claim) && claim.params->contains("sparsity") &&
         std::abs(claim.params->at("sparsity").get<double>() - sparsity) < kRounding;
}

bool fits(const Tolerance& tolerance, MetricKind kind, const Claim& claim) {
  const auto& methods = tolerance.methods;
  if (tolerance.kind != kind) return false;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), claim.method) == methods.end())
    return false;
  if (!tolerance.pattern.empty() && !has_pattern(claim)) return false;
  return !tolerance.sparsity || at_sparsity(claim, *tolerance.sparsity);
}

/// Tolerances of shares are shares; a claim may be in percent.
double unit_scale(MetricKind kind, const Claim& claim) {
  const bool share = kind == MetricKind::kAccuracy || kind == MetricKind::kReduction;
  return share && claim.unit == "%" ? 100 : 1;
}

}  // namespace

std::optional<double> in_claims_unit(const ClaimMetric& metric, const Claim& claim,
                                     const ResultRow& row) {
  switch (metric.kind) {
    case MetricKind::kPerplexity:
      return row.value;
    case MetricKind::kAccuracy:
      if (!row.value) return std::nullopt;
      return *row.value * unit_scale(metric.kind, claim);
    case MetricKind::kSpeedup:
      if (!row.ratio || *row.ratio == 0) return std::nullopt;
      return row.direction < 0 ? 1 / *row.ratio : *row.ratio;
    case MetricKind::kReduction:
      if (!row.ratio) return std::nullopt;
      return (1 - *row.ratio) * unit_scale(metric.kind, claim);
    case MetricKind::kTime:
      if (!row.value) return std::nullopt;
      if (claim.unit == "ms") return *row.value * 1e3;
      return claim.unit == "h" ? *row.value / 3600 : *row.value;
  }
  return std::nullopt;
}

std::optional<double> allowed_distance(const ClaimSet& claims, const Claim& claim, double value,
                                       bool other_seed) {
  const ClaimMetric* metric = claims.metric_of(claim);
  if (metric == nullptr) return std::nullopt;
  for (const Tolerance& tolerance : claims.tolerances) {
    if (!fits(tolerance, metric->kind, claim)) continue;
    if (tolerance.relative > 0) return tolerance.relative * std::abs(value);
    const bool wider = other_seed && tolerance.other_seed > 0;
    const double absolute = wider ? tolerance.other_seed : tolerance.absolute;
    return absolute * unit_scale(metric->kind, claim);
  }
  return std::nullopt;
}

bool agrees(const PublishedValue& published, double here, const ClaimSet& claims,
            const Claim& claim, bool other_seed) {
  using Kind = PublishedValue::Kind;
  if (published.kind == Kind::kBelow) return here < published.hi;
  if (published.kind == Kind::kAbove) return here > published.lo;
  const double below = allowed_distance(claims, claim, published.lo, other_seed).value_or(0);
  const double above = allowed_distance(claims, claim, published.hi, other_seed).value_or(0);
  const double slack = kRounding * std::max(1.0, std::abs(here));
  return here >= published.lo - below - slack && here <= published.hi + above + slack;
}

}  // namespace assay
