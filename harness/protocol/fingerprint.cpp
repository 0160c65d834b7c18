#include "harness/protocol/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace assay {

double fingerprint_distance(const Fingerprint& a, const Fingerprint& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.values.size() != b.values.size()) return kInfinity;
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double gap = std::abs(a.values[i] - b.values[i]);
    if (!std::isfinite(gap)) return kInfinity;
    largest = std::max(largest, std::abs(a.values[i]));
    difference = std::max(difference, gap);
  }
  if (difference == 0) return 0;
  return largest == 0 ? kInfinity : difference / largest;
}

double fingerprint_tolerance(const std::string& dtype) {
  if (dtype == "fp32") return 1e-4;
  if (dtype == "bf16") return 2e-2;
  throw std::invalid_argument("no fingerprint tolerance for dtype '" + dtype + "'");
}

double allowed_by(const WorkerReply& timed, const std::string& dtype) {
  double allowed = fingerprint_tolerance(dtype);
  for (const Sample& sample : timed.samples) {
    if (sample.tag != "probe/allowed") continue;
    allowed = std::max(allowed, std::min(sample.value, kMostFingerprintTolerance));
  }
  return allowed;
}

Fingerprint fingerprint_from_json(const Json& values) {
  Fingerprint fingerprint;
  if (!values.is_array()) throw std::runtime_error("fingerprint: not an array");
  for (const Json& value : values) {
    if (!value.is_number()) throw std::runtime_error("fingerprint: holds something not a number");
    fingerprint.values.push_back(value.get<double>());
  }
  return fingerprint;
}

}  // namespace assay
