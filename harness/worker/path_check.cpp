#include "harness/worker/path_check.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/worker/failure.h"
#include "harness/worker/probe.h"

namespace assay {
namespace {

/// Largest difference, as a share of the largest |expected|.
double apart(const at::Tensor& values, const at::Tensor& expected) {
  const double gap = at::max(at::abs(at::sub(values.to(at::kDouble), expected))).item<double>();
  const double largest = at::max(at::abs(expected)).item<double>();
  return gap == 0 ? 0 : gap / largest;
}

[[noreturn]] void mismatch(std::string text) {
  throw OutcomeFound(
      {.outcome = Outcome::kInvalid, .code = "fingerprint_mismatch", .text = std::move(text)});
}

/// "0.0123 ... (allowed 0.0001)"
std::string against(double distance, const std::string& what, const PathTolerance& tolerance) {
  return fmt::format("{:.3g} {} (allowed {:.2g})", distance, what, tolerance.allowed());
}

}  // namespace

PathCheck::PathCheck(Model& model, const std::string& dtype)
    : model_(model),
      values_(model, fingerprint_tolerance(dtype)),
      probe_(model, fingerprint_tolerance(dtype)),
      decisions_(model, fingerprint_tolerance(dtype)) {}

void PathCheck::require_same(const at::Tensor& timed, const at::Tensor& scored,
                             const std::string& what, const std::function<at::Tensor()>& rescored) {
  const at::Tensor expected = scored.to(at::kDouble);
  if (!std::isfinite(at::max(at::abs(expected)).item<double>())) {
    throw NonFiniteValue("outputs", what + ": what is scored is not finite");
  }
  const double distance = apart(timed, expected);
  if (values_.allows(distance, [&] { return apart(rescored(), expected); })) return;
  mismatch(what + " computed something else than scoring does: " +
           against(distance, "of the largest value apart", values_));
}

PathCheck::Probed PathCheck::require_same_probe(const std::optional<Fingerprint>& expected) {
  const PassProbe pass = probe_pass(model_);
  Probed probed{pass.fingerprint};
  const auto compare = [&](const Fingerprint& other, const std::string& what) {
    const double distance = fingerprint_distance(pass.fingerprint, other);
    probed.distance = std::max(probed.distance, distance);
    if (probe_.allows(distance, [&] {
          return fingerprint_distance(pass.fingerprint,
                                      probe_pass_again(model_, pass.decisions).fingerprint);
        })) {
      return;
    }
    mismatch(what + ": the probe's logits differ by " +
             against(distance, "of the largest", probe_));
  };
  if (expected) compare(*expected, "not the model that was scored");
  const OtherPath path = other_path(model_);
  const SettledProbe other = path.probe(model_, pass.decisions);
  compare(other.fingerprint, std::string(path.name) + " answers otherwise than one whole pass");
  probed.allowed = probe_.allowed();
  const double changed = other.changed_decisions;
  if (!decisions_.allows(
          changed, [&] { return probe_pass_again(model_, pass.decisions).changed_decisions; })) {
    mismatch(std::string(path.name) + " decides otherwise than one whole pass in " +
             against(changed, "of the cases", decisions_));
  }
  return probed;
}

}  // namespace assay
