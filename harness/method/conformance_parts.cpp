#include "harness/method/conformance_parts.h"

#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "harness/base/text.h"
#include "harness/method/artefact.h"
#include "harness/method/recording_context.h"
#include "harness/method/requirements.h"

namespace assay::conformance {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kFitSeed = 5;
constexpr double kBatchTolerance = 1e-4;
constexpr std::string_view kKeep = ".keep";
constexpr std::string_view kLayer = "layer.";

std::string front_of(const std::string& name, std::size_t parts) {
  std::size_t end = 0;
  for (; parts > 0 && end != std::string::npos; --parts) end = name.find('.', end + 1);
  return name.substr(0, end) + ".";
}

/// What a tensor of an artefact speaks of: a parameter by its whole name, a matrix ("layer.3.q."),
/// or a layer ("layer.3."), by the beginning of what they own.
std::string subject_of(const std::string& name) {
  if (name.ends_with(kKeep)) return name.substr(0, name.size() - kKeep.size()) + ".weight";
  if (parameter_from_name(name) || !name.starts_with(kLayer)) return name;
  const std::string layer = front_of(name, 2), matrix = front_of(name, 3);
  const bool of_matrix =
      matrix.size() > layer.size() + 1 &&
      slot_from_name(matrix.substr(layer.size(), matrix.size() - layer.size() - 1)).has_value();
  return of_matrix ? matrix : layer;
}

bool speaks_of(const std::vector<std::string>& subjects, const std::string& parameter) {
  return std::any_of(subjects.begin(), subjects.end(), [&](const std::string& subject) {
    return subject.ends_with('.') ? parameter.starts_with(subject) : parameter == subject;
  });
}

std::map<std::string, at::Tensor> table_of(const Model& model) {
  std::map<std::string, at::Tensor> table;
  for (const Parameter& parameter : model.parameters()) table[parameter.name] = parameter.tensor;
  return table;
}

/// `old` is undefined for a parameter that was not there. A new one of zeros changes nothing: a
/// bias that one layer needs comes in all of them.
bool is_touched(const at::Tensor& old, const at::Tensor& now) {
  return old.defined() ? !at::equal(old, now) : now.ne(0).any().item<bool>();
}

/// Parameters that applying the artefact changed and whose name, or whose layer, stands nowhere in
/// it. Where layers are dropped, the others move up: then those outside of layers are compared
/// alone.
std::vector<std::string> touched_without_name(const Model& before, const Model& after,
                                              const Artefact& artefact) {
  const bool same_layers = before.layer_count() == after.layer_count();
  std::vector<std::string> subjects;
  for (const auto& [name, tensor] : artefact.tensors) subjects.push_back(subject_of(name));
  const auto old = table_of(before);
  std::vector<std::string> touched;
  for (const auto& [name, tensor] : table_of(after)) {
    if (!same_layers && name.starts_with(kLayer)) continue;
    const auto found = old.find(name);
    if (!is_touched(found == old.end() ? at::Tensor() : found->second, tensor)) continue;
    if (!speaks_of(subjects, name)) touched.push_back(name);
  }
  return touched;
}

/// One sample a window.
TrainingText as_text(const at::Tensor& tokens) {
  const at::Tensor flat = tokens.to(at::kInt).contiguous();
  const auto* values = flat.const_data_ptr<std::int32_t>();
  return {.tokens = {values, values + flat.numel()}, .window = tokens.size(1)};
}

/// The first form of training data with which the method can train such a model, if any.
const TrainingNeed* training_for(const MethodInfo& info, const ModelSpec& spec) {
  const auto& needs = info.needs.training;
  const auto found = std::find_if(needs.begin(), needs.end(), [&](const TrainingNeed& need) {
    return unmet_requirements(need.requires_, traits(spec)).empty();
  });
  return found == needs.end() ? nullptr : &*found;
}

/// In a context that has what the method calibrates on.
Fitted fitted_in(RecordingContext& context, const Subject& subject, const Method& method,
                 const Model& model, const Params& params) {
  const MethodInfo info = method.info();
  if (const TrainingNeed* need = training_for(info, model.spec())) {
    if (need->data == kTextData) context.text_for_training = &subject.text;
    if (need->data == kLabelledData) context.training_items = &subject.items;
  }
  Fitted fitted;
  fitted.artefact = method.fit(model, context, params);
  fitted.metrics = context.metrics;
  fitted.asked_for_calibration = context.asked_for_calibration();
  fitted.asked_for_training = context.asked_for_training();
  return fitted;
}

/// Of a method that trains, on none of the forms that it takes.
std::vector<std::string> unmet_training(const MethodInfo& info, const ModelSpec& spec) {
  std::vector<std::string> reasons;
  if (training_for(info, spec) != nullptr) return reasons;
  for (const TrainingNeed& need : info.needs.training) {
    const auto more = unmet_requirements(need.requires_, traits(spec));
    reasons.insert(reasons.end(), more.begin(), more.end());
  }
  return reasons;
}

/// Parameters whose numbers are the artefact's own: writing into the model would change it, and
/// every other model that is made of it.
std::vector<std::string> shared_with(const Artefact& artefact, const Model& model) {
  std::set<const void*> owned;
  for (const auto& [name, tensor] : artefact.tensors) owned.insert(tensor.storage().data());
  std::vector<std::string> names;
  for (const Parameter& parameter : model.parameters()) {
    const bool trains = parameter.tensor.is_floating_point() && parameter.tensor.numel() > 0;
    if (trains && owned.contains(parameter.tensor.storage().data()))
      names.push_back(parameter.name);
  }
  return names;
}

/// What a decoder answers on the way of decoding is finite. Nothing is asked of other models.
bool decodes(const Subject& subject, const Model& model) {
  if (!model.spec().causal || model.output().reads() != Output::Reads::kTokens) return true;
  return subject.probe.decoded_scores(model).isfinite().all().item<bool>();
}

}  // namespace

Subject::Subject(const fs::path& model_folder)
    : folder(fs::absolute(model_folder)),
      model(Model::load(folder, LoadOptions{})),
      probe(model.spec()),
      calibration(conformance_calibration(model.spec())),
      answers(conformance_answers(model.spec())),
      items(conformance_items(model.spec())),
      text(as_text(calibration)) {}

void Findings::begin(const std::string& label) {
  label_ = label;
  if (watch_.begins) watch_.begins(label);
}

void Findings::expect(ConformanceCheck check, bool holds, const std::string& problem) {
  if (watch_.checked) watch_.checked({check, label_, holds ? "" : problem});
  if (!holds) report_.problems.push_back(label_ + ": " + problem);
}

void Findings::leave_out(const std::vector<std::string>& reasons) {
  for (const std::string& reason : reasons) {
    expect(ConformanceCheck::kReasons, !reason.empty(), "does not apply, and gives no reason");
  }
  report_.left_out.push_back(label_ + ": " + join(reasons, "; "));
}

Fitted fit_once(const Subject& subject, const Method& method, const Model& model,
                const Params& params) {
  const bool calibrates = method.info().needs.calibration_for(params);
  RecordingContext context(calibrates ? subject.calibration : at::Tensor(), kFitSeed,
                           subject.folder);
  return fitted_in(context, subject, method, model, params);
}

Fitted fit_on_items(const Subject& subject, const Method& method, const Model& model,
                    const Params& params) {
  RecordingContext context({}, kFitSeed, subject.folder);
  context.answered = &subject.answers;
  return fitted_in(context, subject, method, model, params);
}

std::vector<std::string> unmet_reasons(const Method& method, const ModelSpec& spec,
                                       const Json& given) {
  const MethodInfo info = method.info();
  std::vector<std::string> reasons = unmet_requirements(requirements_of(info), traits(spec));
  for (std::string& reason : unmet_training(info, spec)) reasons.push_back(std::move(reason));
  const auto more = method.unmet(spec, Params(info.params, given));
  reasons.insert(reasons.end(), more.begin(), more.end());
  return reasons;
}

bool same_artefact(const Artefact& a, const Artefact& b) {
  if (a.plan != b.plan || a.tensors.size() != b.tensors.size()) return false;
  return std::all_of(a.tensors.begin(), a.tensors.end(), [&](const auto& entry) {
    const auto& [name, tensor] = entry;
    const auto other = b.tensors.find(name);
    return other != b.tensors.end() && other->second.scalar_type() == tensor.scalar_type() &&
           at::equal(tensor, other->second);
  });
}

Artefact saved_and_loaded(const MethodInfo& info, const Params& params, const Artefact& artefact) {
  const RecordingContext place({}, 0, {});
  const fs::path file = place.scratch() / "artefact.safetensors";
  save_artefact(file, {info.name, info.artefact_version, params.json(), "model"}, artefact);
  auto [header, loaded] = load_artefact(file);
  require_artefact_of(header, info, "model", file.string());
  return std::move(loaded);
}

Model with_applied(const Model& model, const Method& method, const Artefact& artefact) {
  Model changed = model.clone();
  method.apply(changed, artefact);
  return changed;
}

void check_changed_model(const Subject& subject, const Model& before, const Model& after,
                         const Artefact& artefact, Findings& findings) {
  const auto touched = touched_without_name(before, after, artefact);
  findings.expect(ConformanceCheck::kNamed, touched.empty(),
                  "apply changed what the artefact does not name: " + join(touched, ", "));
  const auto shared = shared_with(artefact, after);
  findings.expect(ConformanceCheck::kMemory, shared.empty(),
                  "the model shares memory with the artefact: " + join(shared, ", "));
  const BatchDifference difference = subject.probe.batch_difference(after);
  findings.expect(ConformanceCheck::kBatch, difference.scores <= kBatchTolerance,
                  fmt::format("a sequence alone and in a batch differ by {} of the largest score",
                              difference.scores));
  findings.expect(ConformanceCheck::kBatch, difference.decisions <= kBatchTolerance,
                  fmt::format("a sequence alone and in a batch decide otherwise in {} of the cases",
                              difference.decisions));
  findings.expect(ConformanceCheck::kDecode, decodes(subject, after),
                  "what follows a prompt is not finite");
}

}  // namespace assay::conformance
