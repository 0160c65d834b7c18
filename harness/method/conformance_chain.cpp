// Chains of two methods.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/text.h"
#include "harness/method/conformance_parts.h"

namespace assay {
namespace fs = std::filesystem;
namespace conformance {
namespace {

/// A method with one setting.
struct Step {
  Step(const Method& of, const Json& given)
      : method(of), info(of.info()), params(info.params, given), text(info.name + given.dump()) {}
  const Method& method;
  MethodInfo info;
  Params params;
  std::string text;  ///< "magnitude{"sparsity":0.5}"
};

/// Matrices of layers whose zeros are not all zeros any more.
std::vector<std::string> revived(const Model& before, const Model& after) {
  std::map<std::string, at::Tensor> now;
  for (const Parameter& parameter : after.parameters()) now[parameter.name] = parameter.tensor;
  std::vector<std::string> names;
  for (const Parameter& parameter : before.parameters()) {
    const bool matrix = parameter.id && !parameter.id->bias &&
                        slot_info(parameter.id->slot).of_layer() &&
                        slot_info(parameter.id->slot).kind == SlotKind::kLinear;
    const auto found = now.find(parameter.name);
    if (!matrix || found == now.end() || found->second.sizes() != parameter.tensor.sizes()) {
      continue;
    }
    const at::Tensor back = parameter.tensor.eq(0).logical_and(found->second.ne(0));
    if (back.any().item<bool>()) names.push_back(parameter.name);
  }
  return names;
}

bool keeps_zeros(const Params& params) {
  const auto found = params.json().find("keep_zeros");
  return found != params.json().end() && *found == true;
}

/// The first case that applies to such a model; those before it are noted with their reasons.
std::optional<Step> applying_step(const ConformanceLink& link, const ModelSpec& spec,
                                  const std::string& label, Findings& findings) {
  for (const Json& given : link.cases.cases) {
    Step step(*link.method, given);
    findings.begin(label + step.text);
    const auto reasons = unmet_reasons(step.method, spec, given);
    if (reasons.empty()) return step;
    findings.leave_out(reasons);
  }
  return std::nullopt;
}

/// What a first method leaves, and everything that may follow it.
class ChainKit {
 public:
  ChainKit(Step first, const Subject& subject)
      : first_(std::move(first)),
        subject_(subject),
        artefact_(saved_and_loaded(
            first_.info, first_.params,
            fit_once(subject_, first_.method, subject_.model, first_.params).artefact)),
        base_(with_applied(subject_.model, first_.method, artefact_)),
        scores_(subject_.probe.scores(base_)) {}

  void follow_with(const ConformanceLink& second) {
    const ConformanceLink identity = {second.method, {{}, {second.cases.identity}}};
    if (!second.cases.identity.is_null()) {
      if (const auto step = next(identity)) attempt([&] { check_identity(*step); });
    }
    if (const auto step = next(second)) attempt([&] { check_case(*step); });
  }

  [[nodiscard]] ConformanceReport take() { return findings_.take(); }

 private:
  void expect(bool holds, const std::string& problem) {
    findings_.expect(ConformanceCheck::kChain, holds, problem);
  }

  std::optional<Step> next(const ConformanceLink& second) {
    return applying_step(second, base_.spec(), first_.text + " then ", findings_);
  }

  /// Notes what `work` throws.
  template <typename Work>
  void attempt(Work work) {
    try {
      work();
    } catch (const std::exception& error) {
      expect(false, fmt::format("neither works nor is refused: {}", error.what()));
    }
  }

  /// What `work` gives, or nothing where the second does not apply, which is noted.
  template <typename Work>
  auto unless_refused(Work work) -> std::optional<decltype(work())> {
    try {
      return work();
    } catch (const DoesNotApply& error) {
      findings_.leave_out({error.what()});
      expect(!artefact_.tensors.empty() || !artefact_.plan.empty(),
             fmt::format("refuses a model that nothing was done to: {}", error.what()));
      return std::nullopt;
    }
  }

  std::optional<Artefact> fit(const Step& second) {
    return unless_refused(
        [&] { return fit_once(subject_, second.method, base_, second.params).artefact; });
  }

  std::optional<Model> apply(const Step& second, const Artefact& artefact) {
    return unless_refused([&] { return with_applied(base_, second.method, artefact); });
  }

  void check_identity(const Step& second) {
    const std::optional<Artefact> artefact = fit(second);
    const std::optional<Model> after = artefact ? apply(second, *artefact) : std::nullopt;
    if (!after) return;
    expect(at::equal(subject_.probe.scores(*after), scores_),
           "the identity of the second changes the scores of the first's result");
  }

  void check_case(const Step& second) {
    const std::optional<Artefact> artefact = fit(second);
    if (!artefact) return;
    expect(at::equal(subject_.probe.scores(base_), scores_),
           "fitting the second changed what the first left");
    expect(
        same_artefact(*artefact, fit_once(subject_, second.method, base_, second.params).artefact),
        "the same seed gave another artefact of the second");
    const std::optional<Model> after = apply(second, *artefact);
    if (!after) return;
    findings_.count();
    check_again(second, *artefact, *after);
    check_zeros(second, *after);
    check_changed_model(subject_, base_, *after, *artefact, findings_);
  }

  /// From the files alone, on a fresh model.
  void check_again(const Step& second, const Artefact& artefact, const Model& after) {
    Model fresh = with_applied(subject_.model, first_.method, artefact_);
    second.method.apply(fresh, saved_and_loaded(second.info, second.params, artefact));
    expect(at::equal(subject_.probe.scores(fresh), subject_.probe.scores(after)) &&
               fresh.content_hash() == after.content_hash(),
           "both artefacts, loaded and applied in order, give another model");
  }

  void check_zeros(const Step& second, const Model& after) {
    if (!keeps_zeros(second.params)) return;
    const std::vector<std::string> names = revived(base_, after);
    expect(names.empty(), "keep_zeros is on, and zeros came back in " + join(names, ", "));
  }

  Step first_;
  const Subject& subject_;
  Artefact artefact_;
  Model base_;
  at::Tensor scores_;
  Findings findings_;
};

}  // namespace
}  // namespace conformance

ConformanceReport check_chains(const ConformanceLink& first,
                               const std::vector<ConformanceLink>& seconds,
                               const fs::path& model_folder) {
  const at::NoGradGuard as_in_the_worker;
  conformance::Subject subject(model_folder);
  conformance::Findings without;
  auto step = conformance::applying_step(first, subject.model.spec(), "", without);
  if (!step) return without.take();
  conformance::ChainKit kit(std::move(*step), subject);
  for (const ConformanceLink& second : seconds) kit.follow_with(second);
  return kit.take();
}

}  // namespace assay
