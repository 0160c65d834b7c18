#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/cell_errors.h"
#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/data/answered_items.h"
#include "harness/data/labelled_items.h"
#include "harness/data/prepared_folder.h"
#include "harness/method/requirements.h"
#include "harness/suite/prepared.h"
#include "harness/worker/applied.h"
#include "harness/worker/calibration.h"
#include "harness/worker/calibration_items.h"
#include "harness/worker/failure.h"
#include "harness/worker/planned_model.h"
#include "harness/worker/session.h"
#include "harness/worker/training_items.h"
#include "harness/worker/training_text.h"

namespace assay {
namespace {

/// Throws UserError when the samples do not fit the model.
void require_positions(const CalibrationRequest& request, const ModelSpec& spec) {
  if (request.tokens <= spec.max_positions) return;
  throw UserError(fmt::format(
      "calibration.tokens is {}, and the model sees at most {}: lower calibration.tokens",
      request.tokens, spec.max_positions));
}

/// int64 [samples, tokens] on the CPU. Throws UserError for tokens that the model does not have.
at::Tensor calibration_tokens(const CalibrationRequest& request, std::uint64_t seed,
                              const Model& model) {
  const std::vector<std::int32_t> drawn = sample_calibration(request, seed);
  const Vocabulary vocabulary = model.vocabulary();
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    if (drawn[i] >= 0 && drawn[i] < vocabulary.size) continue;
    const auto place = static_cast<std::int64_t>(i);
    require_token(vocabulary, drawn[i],
                  fmt::format("calibration data {}, sample {}, token {}", request.data,
                              place / request.tokens + 1, place % request.tokens + 1));
  }
  at::Tensor tokens = at::empty({request.samples, request.tokens}, at::kLong);
  std::copy(drawn.begin(), drawn.end(), tokens.data_ptr<std::int64_t>());
  return tokens;
}

/// What a fit works on, besides the model.
struct FitData {
  at::Tensor calibration;                  ///< undefined: no text is needed
  std::optional<AnsweredItems> items;      ///< to calibrate on in place of it
  std::optional<LabelledItems> training;   ///< to train on
  std::optional<TrainingText> text;        ///< likewise
  std::map<std::string, Artefact> inputs;  ///< of the stages that this one takes
};

class WorkerFitContext final : public FitContext {
 public:
  WorkerFitContext(const WorkerRequest& request, const SessionServices& services, FitData data)
      : services_(services),
        reporter_(services.writer, services.stop),
        data_(std::move(data)),
        checkpoints_(request.checkpoints),
        checkpoint_seconds_(request.checkpoint_s),
        seed_(request.seed),
        model_folder_(request.model_folder),
        scratch_(request.scratch) {}

  [[nodiscard]] const at::Tensor& calibration() const override {
    if (!data_.calibration.defined()) {
      throw std::logic_error("calibration data used by a method that does not declare the need");
    }
    return data_.calibration;
  }
  [[nodiscard]] const AnsweredItems* calibration_items() const override {
    return data_.items ? &*data_.items : nullptr;
  }
  [[nodiscard]] const LabelledItems& training() const override {
    return data_.training ? *data_.training : FitContext::training();
  }
  [[nodiscard]] const TrainingText& training_text() const override {
    return data_.text ? *data_.text : FitContext::training_text();
  }
  [[nodiscard]] const Artefact& input(const std::string& stage) const override {
    const auto found = data_.inputs.find(stage);
    return found == data_.inputs.end() ? FitContext::input(stage) : found->second;
  }
  [[nodiscard]] const std::filesystem::path& checkpoints() const override {
    if (checkpoints_.empty()) return scratch();
    ensure_folder(checkpoints_);
    return checkpoints_;
  }
  [[nodiscard]] double checkpoint_seconds() const override { return checkpoint_seconds_; }
  [[nodiscard]] std::uint64_t seed() const override { return seed_; }
  void progress(std::int64_t done, std::int64_t total, const std::string& what) override {
    reporter_.report(done, total, what);
  }
  void warn(const std::string& code, const std::string& text) override {
    services_.writer.event("warning", code, text);
  }
  void metric(const std::string& name, double value) override {
    services_.writer.metric(plain_metric(name, value));
  }
  [[nodiscard]] const std::filesystem::path& scratch() const override { return scratch_.path(); }
  [[nodiscard]] const std::filesystem::path& model_folder() const override { return model_folder_; }

 private:
  const SessionServices& services_;
  ProgressReporter reporter_;
  FitData data_;
  std::filesystem::path checkpoints_;
  double checkpoint_seconds_;
  std::uint64_t seed_;
  std::filesystem::path model_folder_;
  ScratchFolder scratch_;
};

/// The form of the training data that came with the request; "" where none did.
std::string training_form(const WorkerRequest& request) {
  if (request.training) return kLabelledData;
  return request.training_text ? kTextData : "";
}

void require_met(const Method& method, const ModelSpec& spec, const Params& params,
                 const WorkerRequest& request) {
  const MethodInfo info = method.info();
  std::vector<Requirement> requirements = requirements_of(info);
  if (const auto* need = find_training(info.needs.training, training_form(request))) {
    requirements.insert(requirements.end(), need->requires_.begin(), need->requires_.end());
  }
  std::vector<std::string> problems = unmet_requirements(requirements, traits(spec));
  for (std::string& problem : method.unmet(spec, params)) problems.push_back(std::move(problem));
  if (problems.empty()) return;
  throw OutcomeFound(
      {.outcome = Outcome::kUnmet, .code = "requirement", .text = join(problems, "; ")});
}

/// What is said of the data by the name `data_...`, said of a fit's data by a name of its own: a
/// cell may have remarks of all of them. `use`: "calibration", "training".
void remark_data(const std::string& folder, const std::string& use, ReplyWriter& writer) {
  constexpr std::string_view kPrefix = "data_";
  for (const DataNote& note : PreparedFolder(folder).notes()) {
    const std::string kind =
        note.code.starts_with(kPrefix) ? note.code.substr(kPrefix.size()) : note.code;
    writer.event("warning", fmt::format("data_{}_{}", use, kind),
                 fmt::format("{} data: {}", use, note.text));
  }
}

/// The stage that is asked for; nothing for a method that has one alone.
std::optional<StageInfo> stage_of(const MethodInfo& info, const std::string& name) {
  for (const StageInfo& stage : info.stages) {
    if (stage.name == name) return stage;
  }
  if (info.stages.empty() && name.empty()) return std::nullopt;
  throw UserError(fmt::format("method '{}' has no stage '{}'", info.name, name));
}

[[noreturn]] void lacks(const MethodInfo& info, const char* what, const char* key) {
  throw UserError(fmt::format(
      "method '{}' needs {}, and none is given: add {} = {{ dataset = ..., split = ... }}",
      info.name, what, key));
}

void take_training(const MethodInfo& info, const WorkerRequest& request, const Model& model,
                   FitData& data) {
  const std::string form = training_form(request);
  if (form.empty()) lacks(info, "data to train on", "training");
  if (find_training(info.needs.training, form) == nullptr) {
    throw UserError(fmt::format("method '{}' does not train on {} data; give {} data", info.name,
                                form, training_forms(info.needs.training)));
  }
  if (request.training) data.training = training_items(*request.training);
  if (request.training_text) {
    data.text = training_text(*request.training_text, model.spec().max_positions);
  }
}

void take_calibration(const MethodInfo& info, const WorkerRequest& request, const Model& model,
                      ReplyWriter& writer, FitData& data) {
  if (!request.calibration) lacks(info, "calibration data", "calibration");
  const CalibrationRequest& calibration = *request.calibration;
  require_positions(calibration, model.spec());
  if (calibration.sampling != "items") {
    data.calibration = calibration_tokens(calibration, request.seed, model);
    return;
  }
  if (!info.needs.calibration_items) {
    throw UserError(fmt::format(
        "method '{}' calibrates on a text, not on items; name a data set of kind text", info.name));
  }
  DrawnItems drawn = draw_calibration_items(calibration, request.seed, model.vocabulary());
  for (const DataNote& note : drawn.remarks) writer.event("warning", note.code, note.text);
  data.items = std::move(drawn.answered);
}

FitData data_for(const Method& method, const Params& params, const WorkerRequest& request,
                 const SessionServices& services, const Model& model) {
  const MethodInfo info = method.info();
  const std::optional<StageInfo> stage = stage_of(info, request.stage);
  FitData data;
  if (info.needs.calibration_for(params) && (!stage || stage->calibration)) {
    take_calibration(info, request, model, services.writer, data);
  }
  if (!info.needs.training.empty() && (!stage || stage->training)) {
    take_training(info, request, model, data);
  }
  for (const auto& [name, file] : request.inputs) {
    data.inputs[name] = planned_artefact(request, info, file);
  }
  return data;
}

/// In tokens.
std::int64_t calibration_size(const FitContext& context) {
  const AnsweredItems* items = context.calibration_items();
  if (items == nullptr) return context.calibration().numel();
  std::int64_t tokens = 0;
  for (const AnsweredItem& item : items->items) tokens += std::ssize(item.tokens);
  return tokens;
}

/// What the data were, for whoever asks what a fit cost.
void say_data(const FitContext& context, const MethodInfo& info, const Params& params,
              const WorkerRequest& request, ReplyWriter& writer) {
  if (request.calibration && info.needs.calibration_for(params)) {
    const double tokens = static_cast<double>(calibration_size(context));
    writer.metric(plain_metric("fit/calibration_tokens", tokens));
  }
  if (!training_form(request).empty()) {
    const std::size_t tokens =
        request.training ? context.training().tokens.size() : context.training_text().tokens.size();
    writer.metric(plain_metric("fit/training_tokens", static_cast<double>(tokens)));
  }
}

}  // namespace

void fit(const WorkerRequest& request, const SessionServices& services) {
  const at::NoGradGuard no_grad;  // a method that trains turns gradients on for itself
  if (request.artefact.empty()) throw UserError("operation 'fit' names no file for the artefact");
  const Method& method = services.methods.get(request.method);
  const MethodInfo info = method.info();
  const Params params(info.params, request.params);
  PlannedModel planned(request);
  Model model = planned.load({.dtype = dtype_from_name(request.dtype),
                              .device = open_device(request.device),
                              .random_weights = request.random_weights,
                              .seed = request.seed});
  say_warnings(model, services.writer);
  (void)apply_artefacts(model, request, services.methods);
  require_met(method, model.spec(), params, request);
  WorkerFitContext context(request, services, data_for(method, params, request, services, model));
  if (request.calibration) remark_data(request.calibration->data, "calibration", services.writer);
  if (request.training) remark_data(request.training->data, "training", services.writer);
  if (request.training_text) {
    remark_data(request.training_text->data, "training", services.writer);
  }
  const double start = monotonic_seconds();
  const Artefact artefact = request.stage.empty()
                                ? method.fit(model, context, params)
                                : method.fit_stage(request.stage, model, context, params);
  planned.require_unchanged();  // a method may read the folder itself
  services.writer.metric(plain_metric("fit/seconds", monotonic_seconds() - start));
  save_artefact(request.artefact,
                {.method = info.name,
                 .artefact_version = info.artefact_version,
                 .params = params.json(),
                 .model_hash = request.model_hash},
                artefact);
  services.writer.metric(plain_metric(
      "artefact/bytes", static_cast<double>(std::filesystem::file_size(request.artefact))));
  say_data(context, info, params, request, services.writer);
  emit_peak_rss(services.writer, "fit/peak_rss");
}

}  // namespace assay
