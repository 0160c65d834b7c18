#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/method/requirements.h"
#include "harness/worker/calibration.h"
#include "harness/worker/failure.h"
#include "harness/worker/session.h"

namespace assay {
namespace {

/// int64 [samples, tokens] on the CPU. Throws UserError when the tokens do not fit the model.
at::Tensor calibration_tokens(const CalibrationRequest& request, std::uint64_t seed,
                              const ModelSpec& spec) {
  if (request.tokens > spec.max_positions) {
    throw UserError(fmt::format(
        "calibration.tokens is {}, and the model sees at most {}: lower calibration.tokens",
        request.tokens, spec.max_positions));
  }
  const std::vector<std::int32_t> drawn = sample_calibration(request, seed);
  const auto [low, high] = std::minmax_element(drawn.begin(), drawn.end());
  if (*low < 0 || *high >= spec.vocab) {
    throw UserError(fmt::format(
        "{}: holds token {}, and the model's vocabulary has {}; it was made by another tokenizer",
        request.data, *low < 0 ? *low : *high, spec.vocab));
  }
  at::Tensor tokens = at::empty({request.samples, request.tokens}, at::kLong);
  std::copy(drawn.begin(), drawn.end(), tokens.data_ptr<std::int64_t>());
  return tokens;
}

class WorkerFitContext final : public FitContext {
 public:
  WorkerFitContext(const WorkerRequest& request, const SessionServices& services,
                   at::Tensor calibration)
      : services_(services),
        reporter_(services.writer, services.stop),
        calibration_(std::move(calibration)),
        seed_(request.seed),
        model_folder_(request.model_folder),
        scratch_(request.scratch) {}

  [[nodiscard]] const at::Tensor& calibration() const override {
    if (!calibration_.defined()) {
      throw std::logic_error("calibration data used by a method that does not declare the need");
    }
    return calibration_;
  }
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
  at::Tensor calibration_;
  std::uint64_t seed_;
  std::filesystem::path model_folder_;
  ScratchFolder scratch_;
};

void require_met(const Method& method, const ModelSpec& spec, const Params& params) {
  std::vector<std::string> problems = unmet_requirements(method.info().requires_, traits(spec));
  for (std::string& problem : method.unmet(spec, params)) problems.push_back(std::move(problem));
  if (problems.empty()) return;
  throw OutcomeFound(
      {.outcome = Outcome::kUnmet, .code = "requirement", .text = join(problems, "; ")});
}

at::Tensor calibration_for(const MethodInfo& info, const WorkerRequest& request,
                           const ModelSpec& spec) {
  if (!info.needs.calibration) return {};
  if (!request.calibration) {
    throw UserError(
        fmt::format("method '{}' needs calibration data, and none is given: add "
                    "calibration = {{ dataset = ..., split = ... }}",
                    info.name));
  }
  return calibration_tokens(*request.calibration, request.seed, spec);
}

}  // namespace

void fit(const WorkerRequest& request, const SessionServices& services) {
  const at::NoGradGuard no_grad;  // a method that trains turns gradients on for itself
  if (request.artefact.empty()) throw UserError("operation 'fit' names no file for the artefact");
  const Method& method = services.methods.get(request.method);
  const MethodInfo info = method.info();
  const Params params(info.params, request.params);
  const Model model = Model::load(request.model_folder, {.dtype = at::kFloat,
                                                         .device = open_device(request.device),
                                                         .random_weights = request.random_weights,
                                                         .seed = request.seed});
  require_met(method, model.spec(), params);
  WorkerFitContext context(request, services, calibration_for(info, request, model.spec()));
  const double start = monotonic_seconds();
  const Artefact artefact = method.fit(model, context, params);
  services.writer.metric(plain_metric("fit/seconds", monotonic_seconds() - start));
  save_artefact(request.artefact,
                {.method = info.name,
                 .artefact_version = info.artefact_version,
                 .params = params.json(),
                 .model_hash = request.model_hash},
                artefact);
  services.writer.metric(plain_metric(
      "artefact/bytes", static_cast<double>(std::filesystem::file_size(request.artefact))));
  if (info.needs.calibration) {
    const double tokens = static_cast<double>(context.calibration().numel());
    services.writer.metric(plain_metric("fit/calibration_tokens", tokens));
  }
  emit_peak_rss(services.writer, "fit/peak_rss");
}

}  // namespace assay
