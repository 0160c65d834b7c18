#include "harness/method/conformance.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/method/conformance_parts.h"
#include "harness/method/recording_context.h"
#include "harness/method/sparsity.h"
#include "harness/method/sparsity_audit.h"

namespace assay {
namespace fs = std::filesystem;
namespace conformance {
namespace {

/// `<=` thresholds with ties, and rows that the ratio does not divide, on matrices of 1,000
/// weights.
constexpr double kSparsityTolerance = 0.02;

/// Path and content hash of every file under a folder.
std::set<std::string> listing(const fs::path& folder) {
  std::set<std::string> entries;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const bool file = entry.is_regular_file();
    entries.insert(entry.path().string() + (file ? " " + sha256_file(entry.path()) : ""));
  }
  return entries;
}

/// Zeros over all weights of the layers' linears that still are dense.
double share_of_zeros(const Model& model) {
  std::int64_t zeros = 0, weights = 0;
  for (const Layer& layer : model.layers()) {
    for (const SlotPlace& place : layer.places()) {
      const auto* dense = dynamic_cast<const DenseLinear*>(&layer.linear(place));
      if (dense == nullptr) continue;
      zeros += dense->weight().eq(0).sum().item<std::int64_t>();
      weights += dense->weight().numel();
    }
  }
  return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights);
}

/// Whole numbers and masks equal; real numbers equal up to the order of summation.
bool same_decisions(const Artefact& a, const Artefact& b) {
  if (a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.sizes() != tensor.sizes()) return false;
    const bool real = at::isFloatingType(tensor.scalar_type());
    if (real ? !tensor.eq(0).equal(other->second.eq(0)) ||
                   !tensor.allclose(other->second, 1e-3, 1e-5)
             : !at::equal(tensor, other->second)) {
      return false;
    }
  }
  return true;
}

/// One method by itself.
class Kit {
 public:
  Kit(const Method& method, const fs::path& model_folder, const ConformanceWatch& watch)
      : method_(method),
        info_(method.info()),
        subject_(model_folder),
        dense_(subject_.probe.scores(subject_.model)),
        findings_(watch) {}

  void check_info() {
    findings_.begin(info_.name);
    const MethodInfo again = method_.info();
    expect(ConformanceCheck::kInfo, !info_.name.empty() && !info_.summary.empty(),
           "info() lacks a name or a summary");
    expect(ConformanceCheck::kInfo, info_.artefact_version >= 1,
           "artefact_version must be at least 1");
    expect(ConformanceCheck::kInfo,
           info_.name == again.name && info_.summary == again.summary &&
               info_.params.size() == again.params.size(),
           "info() is not the same each time");
    for (const ParamSpec& spec : info_.params) {
      expect(ConformanceCheck::kInfo, !spec.help.empty(),
             "parameter '" + spec.name + "' has no help");
      expect(ConformanceCheck::kInfo,
             spec.default_value.is_null() || !value_problem(spec, spec.default_value),
             "the default of parameter '" + spec.name + "' is not allowed");
    }
  }

  void check_identity(const Json& given) {
    if (given.is_null() || is_unmet("identity", given)) return;
    const Fitted fitted = fit(Params(info_.params, given));
    expect(ConformanceCheck::kIdentity, at::equal(scores_after(fitted.artefact), dense_),
           "the scores differ from the dense model's");
  }

  void check_case(const Json& given) {
    if (is_unmet("case", given)) return;
    findings_.count();
    const Params params(info_.params, given);
    const std::set<std::string> before = listing(subject_.folder);
    const Fitted fitted = fit(params);
    check_needs(fitted, params);
    expect(ConformanceCheck::kFolder, listing(subject_.folder) == before,
           "fitting changed files in the model's folder");
    expect(ConformanceCheck::kModel, at::equal(subject_.probe.scores(subject_.model), dense_),
           "fitting changed the model");
    check_repeatable(fitted.artefact, params);
    check_round_trip(fitted.artefact, params);
    const Model changed = with_applied(subject_.model, method_, fitted.artefact);
    expect(ConformanceCheck::kFinite, subject_.probe.scores(changed).isfinite().all().item<bool>(),
           "scores of the changed model are not finite");
    check_sparsity(changed, params, fitted);
    check_changed_model(subject_, subject_.model, changed, fitted.artefact, findings_);
    if (info_.needs.calibration_items && info_.needs.calibration_for(params)) check_items(params);
  }

  void check_leaks(bool nothing_appeared) {
    findings_.begin(info_.name);
    expect(ConformanceCheck::kScratch, nothing_appeared, "wrote files outside the scratch folder");
  }

  [[nodiscard]] ConformanceReport take() { return findings_.take(); }

 private:
  void expect(ConformanceCheck check, bool holds, const std::string& problem) {
    findings_.expect(check, holds, problem);
  }

  [[nodiscard]] Fitted fit(const Params& params) const {
    return fit_once(subject_, method_, subject_.model, params);
  }

  /// Begins what is tried with these parameters.
  bool is_unmet(const char* kind, const Json& given) {
    findings_.begin(fmt::format("{}: {} {}", info_.name, kind, given.dump()));
    const auto reasons = unmet_reasons(method_, subject_.model.spec(), given);
    if (!reasons.empty()) findings_.leave_out(reasons);
    return !reasons.empty();
  }

  [[nodiscard]] at::Tensor scores_after(const Artefact& artefact) const {
    return subject_.probe.scores(with_applied(subject_.model, method_, artefact));
  }

  void check_needs(const Fitted& fitted, const Params& params) {
    expect(ConformanceCheck::kNeeds,
           fitted.asked_for_calibration == info_.needs.calibration_for(params),
           "looks at calibration data in other settings than its needs say");
    expect(ConformanceCheck::kNeeds, fitted.asked_for_training == !info_.needs.training.empty(),
           "needs training data and does not look at them");
  }

  void check_items(const Params& params) {
    const Fitted fitted = fit_on_items(subject_, method_, subject_.model, params);
    expect(ConformanceCheck::kItems, fitted.asked_for_calibration,
           "takes calibration items and does not look at them");
    expect(ConformanceCheck::kItems, scores_after(fitted.artefact).isfinite().all().item<bool>(),
           "fitted on calibration items, the scores are not finite");
  }

  void check_repeatable(const Artefact& artefact, const Params& params) {
    expect(ConformanceCheck::kSeed, same_artefact(artefact, fit(params).artefact),
           "the same seed gave another artefact");
    const int threads = at::get_num_threads();
    at::set_num_threads(threads == 1 ? 2 : 1);
    expect(ConformanceCheck::kThreads, same_decisions(artefact, fit(params).artefact),
           "another number of threads gave another artefact");
    at::set_num_threads(threads);
  }

  void check_round_trip(const Artefact& artefact, const Params& params) {
    const Artefact loaded = saved_and_loaded(info_, params, artefact);
    expect(ConformanceCheck::kArtefact, same_artefact(artefact, loaded),
           "saving and loading changed the artefact");
    expect(ConformanceCheck::kReload, at::equal(scores_after(artefact), scores_after(loaded)),
           "fit -> save -> load -> apply differs from fit -> apply");
  }

  void check_sparsity(const Model& changed, const Params& params, const Fitted& fitted) {
    const std::string missed = missed_sparsity(changed, params);
    expect(ConformanceCheck::kSparsity, missed.empty(), missed);
    const auto reported = fitted.metrics.find("achieved_sparsity");
    if (reported == fitted.metrics.end()) return;
    const double zeros = share_of_zeros(changed);
    expect(ConformanceCheck::kSparsity, std::abs(zeros - reported->second) < 1e-9,
           fmt::format("achieved_sparsity is reported as {}, the model has {}", reported->second,
                       zeros));
    if (!params.json().contains("sparsity") || !params.json().contains("pattern")) return;
    const double asked = sparsity_target(params).ratio;
    for (const auto& [name, value] : fitted.metrics) {
      if (!name.starts_with("achieved_sparsity")) continue;
      expect(ConformanceCheck::kSparsity, std::abs(value - asked) <= kSparsityTolerance,
             fmt::format("{} = {}, asked for {}", name, value, asked));
    }
  }

  const Method& method_;
  MethodInfo info_;
  Subject subject_;
  at::Tensor dense_;
  Findings findings_;
};

/// An empty working folder for the time of the checks; anything that appears is a leak.
class WatchedFolder {
 public:
  WatchedFolder() : context_({}, 0, {}), before_(fs::current_path()) {
    fs::current_path(context_.scratch());
  }
  ~WatchedFolder() { fs::current_path(before_); }
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;
  [[nodiscard]] bool empty() const { return fs::is_empty(context_.scratch()); }

 private:
  RecordingContext context_;
  fs::path before_;
};

}  // namespace
}  // namespace conformance

ConformanceCases read_conformance_cases(const fs::path& method_folder) {
  const fs::path path = method_folder / "conformance.json";
  return conformance_cases(read_json_file(path), path.string());
}

ConformanceCases conformance_cases(const Json& document, const std::string& place) {
  ConformanceCases cases;
  if (document.is_object()) {
    cases.identity = document.value("identity", Json());
    for (const Json& one : document.value("cases", Json::array())) cases.cases.push_back(one);
  }
  if (cases.cases.empty()) {
    throw UserError(place +
                    ": needs \"cases\", a list with at least one object of "
                    "parameters");
  }
  return cases;
}

ConformanceReport check_conformance(const Method& method, const ConformanceCases& cases,
                                    const fs::path& model_folder, const ConformanceWatch& watch) {
  const at::NoGradGuard as_in_the_worker;
  const fs::path folder = fs::absolute(model_folder);
  const conformance::WatchedFolder watched;
  conformance::Kit kit(method, folder, watch);
  kit.check_info();
  kit.check_identity(cases.identity);
  for (const Json& one : cases.cases) kit.check_case(one);
  kit.check_leaks(watched.empty());
  return kit.take();
}

}  // namespace assay
