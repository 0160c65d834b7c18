#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/clock.h"
#include "harness/base/text.h"
#include "harness/data/prepared_folder.h"
#include "harness/measure/memory.h"
#include "harness/measure/throttle.h"
#include "harness/method/requirements.h"
#include "harness/suite/step_log.h"
#include "harness/worker/failure.h"
#include "harness/worker/loaded_model.h"
#include "harness/worker/meter.h"
#include "harness/worker/path_check.h"
#include "harness/worker/probe.h"
#include "harness/worker/score_identity.h"
#include "harness/worker/session.h"

namespace assay {
namespace {

/// Notices that a block decides, and leaves it its decision.
class DecisionNoticer final : public RoutingHook {
 public:
  at::Tensor settle(const StepContext&, RoutingSite, const at::Tensor& found) override {
    noticed = true;
    return found;
  }
  bool noticed = false;
};

class WorkerSuiteContext final : public SuiteContext {
 public:
  WorkerSuiteContext(const WorkerRequest& request, const SessionServices& services, Model& model,
                     LoadedMemory loaded)
      : request_(request),
        writer_(services.writer),
        reporter_(services.writer, services.stop),
        model_(model),
        paths_(model, request.dtype),
        data_(request.data),
        loaded_(loaded) {}

  [[nodiscard]] const Model& model() override { return model_; }
  [[nodiscard]] const Model& dense_twin() override {
    if (!twin_) twin_.emplace(load_dense(request_));
    return *twin_;
  }
  [[nodiscard]] const std::filesystem::path& data() const override {
    if (data_.empty()) throw UserError("the suite needs prepared data, and none is given");
    return data_;
  }
  [[nodiscard]] std::uint64_t seed() const override { return request_.seed; }

  void watch(StepObserver* observer) override { model_.watch(observer); }

  void emit(const MetricValue& value) override {
    reporter_.check();
    writer_.metric(value);
    if (value.value && !std::isfinite(*value.value)) {
      throw NonFiniteValue("metric", "metric " + value.tag + " is not finite");
    }
  }
  void emit_items(const std::vector<ItemScore>& items) override {
    reporter_.check();
    writer_.items(items);
  }
  void emit_samples(const std::vector<Sample>& samples) override {
    reporter_.check();
    writer_.samples(samples);
  }
  void progress(std::int64_t done, std::int64_t total, const std::string& what) override {
    reporter_.report(done, total, what);
  }
  void remark(const std::string& code, const std::string& text) override {
    writer_.event("warning", code, text);
  }
  void require_same(const at::Tensor& timed, const at::Tensor& scored, const std::string& what,
                    const std::function<at::Tensor()>& rescored) override {
    paths_.require_same(timed, scored, what, rescored);
  }
  [[nodiscard]] bool decides() override {
    DecisionNoticer noticer;
    model_.route_with(&noticer);
    (void)model_.hidden(at::zeros({1, 2}, at::kLong).to(model_.device()), nullptr, 1);
    model_.route_with(nullptr);
    return noticer.noticed;
  }
  void meter(const std::function<void()>& work, double tokens) override {
    meter_memory(work, loaded_, model_.device(), writer_);
    meter_energy(
        work, tokens, model_.device(), [this] { reporter_.check(); }, writer_);
  }
  [[nodiscard]] ScoreLog& score_log() override {
    return scores_ ? *scores_ : SuiteContext::score_log();
  }

  void keep_scores(const Fingerprint& probe) {
    if (request_.checkpoints.empty()) return;
    scores_.emplace(std::filesystem::path(request_.checkpoints) / "scores",
                    score_identity(request_, probe));
  }

 private:
  const WorkerRequest& request_;
  ReplyWriter& writer_;
  ProgressReporter reporter_;
  Model& model_;
  PathCheck paths_;
  std::optional<Model> twin_;
  std::filesystem::path data_;
  LoadedMemory loaded_;
  std::optional<ScoreLog> scores_;
};

/// A timed process tells only what its times are held against.
void emit_accounting(const Model& model, bool timed, ReplyWriter& writer) {
  const Cost cost = model.cost();
  const auto emit = [&](const char* tag, std::int64_t value) {
    writer.metric(plain_metric(tag, static_cast<double>(value)));
  };
  emit("model/touched_bytes", cost.touched_bytes);
  emit("model/flops_per_token", cost.flops_per_token);
  if (timed) return;
  emit("model/params", cost.params);
  emit("model/nonzero", cost.nonzero);
  emit("model/resident_bytes", cost.resident_bytes);
  emit("model/host_bytes", cost.host_bytes);
}

void remark_data(const WorkerRequest& request, ReplyWriter& writer) {
  if (request.data.empty()) return;
  for (const DataNote& note : PreparedFolder(request.data).notes()) {
    writer.event("warning", note.code, note.text);
  }
}

const SuiteKind& suite_of(const WorkerRequest& request, const SuiteRegistry& suites) {
  const SuiteKind& suite = suites.get(request.suite_kind);
  const SuiteKindInfo info = suite.info();
  const std::string op = info.stage == Stage::kScore ? "score" : "time";
  if (op != request.op) {
    throw UserError(fmt::format("suite kind '{}' belongs to operation '{}', not '{}'", info.name,
                                op, request.op));
  }
  if (info.needs_trained_weights && request.random_weights) {
    throw UserError(fmt::format("suite kind '{}' needs trained weights, and the model's are random",
                                info.name));
  }
  return suite;
}

/// The planner asked the same of the model as it was before the method.
void require_fits(const SuiteKindInfo& suite, const Model& model) {
  const auto problems = unmet_requirements(suite.requires_, traits(model.spec()));
  if (problems.empty()) return;
  throw DoesNotApply(fmt::format("suite kind '{}': {}", suite.name, join(problems, "; ")));
}

/// As if this suite had been alone with the model: what those before it took is not its. What an
/// earlier worker scored took its memory there.
void emit_peak(const LoadedModel& loaded, bool alone, std::int64_t earlier, ReplyWriter& writer) {
  std::optional<std::int64_t> peak = peak_rss_bytes();
  if (!alone && peak) peak = std::max(*peak, loaded.peak_of_loading().value_or(0));
  if (peak) peak = std::max(*peak, earlier);
  if (peak) writer.metric(plain_metric("process/peak_rss", static_cast<double>(*peak)));
}

void score(const SuiteKind& suite, const Params& params, SuiteContext& context, LoadedModel& loaded,
           bool kept, ReplyWriter& writer) {
  Model& model = loaded.model();
  StepLog log;
  model.watch(&log);
  suite.run(context, params);
  model.watch(nullptr);
  for (const MetricValue& metric : step_metrics(log, model.cost())) {
    writer.metric(metric);
  }
  const ScoreLog& scores = context.score_log();
  emit_peak(loaded, !kept, scores.peak_bytes(), writer);
  if (scores.given_back() == 0) return;
  writer.event("info", "scores_resumed",
               fmt::format("{} batches were scored by an earlier worker, which did not end well",
                           scores.given_back()));
}

/// The fastest model is one that computes nothing: what it scores and how long it takes is no
/// result.
void require_computed(const Fingerprint& probe) {
  const std::vector<double>& values = probe.values;
  if (values.size() < 2) return;
  const auto [least, most] = std::ranges::minmax(values);
  if (least == most) {
    throw OutcomeFound(
        {.outcome = Outcome::kInvalid,
         .code = "incorrect",
         .text = fmt::format("the model computes nothing: every output is {} for whatever it reads",
                             least)});
  }
}

/// The model's first call in this process is the suite's. Who answers otherwise only while timed is
/// caught by the suite, who answers otherwise from then on by the probe afterwards.
void time(const SuiteKind& suite, const Params& params, SuiteContext& context, Model& model,
          const WorkerRequest& request, ReplyWriter& writer) {
  const bool gpu = !model.device().is_cpu();
  const ThrottleWatch throttle(gpu ? std::optional<int>(model.device().index()) : std::nullopt);
  suite.run(context, params);
  const std::string slowed = throttle.reason();
  if (!slowed.empty()) {
    throw OutcomeFound({.outcome = Outcome::kInvalid, .code = "throttled", .text = slowed});
  }
  const PathCheck::Probed probed =
      PathCheck(model, request.dtype).require_same_probe(request.expected);
  require_computed(probed.fingerprint);
  writer.fingerprint(probed.fingerprint);
  writer.samples(
      {{"probe/distance", 0, probed.distance, false}, {"probe/allowed", 0, probed.allowed, false}});
}

}  // namespace

void run_suite(const WorkerRequest& request, const SessionServices& services) {
  const c10::InferenceMode inference;
  const SuiteKind& suite = suite_of(request, services.suites);
  const Params params(suite.info().params, request.suite_params);
  remark_data(request, services.writer);
  const double start = monotonic_seconds();
  const bool timed = request.op == "time";
  if (timed) services.kept.forget();  // times are of a model that nothing has used before
  LoadedModel& loaded = services.kept.get(request);
  const bool kept = services.kept.was_kept();
  Model& model = loaded.model();
  say_warnings(model, services.writer);
  if (!kept) loaded.apply(request, services.methods);
  require_fits(suite.info(), model);
  services.writer.samples({{"process/load", 0, monotonic_seconds() - start, false}});
  if (kept) forget_peak_rss();
  WorkerSuiteContext context(request, services, model, loaded.memory());
  if (timed) {
    emit_accounting(model, timed, services.writer);
    time(suite, params, context, model, request, services.writer);
  } else {
    StepLog told;
    model.watch(&told);
    const Fingerprint probe = probe_pass(model).fingerprint;
    model.watch(nullptr);
    require_computed(probe);
    services.writer.fingerprint(probe);
    // What blocks tell of batches that are not run again would be missing.
    if (told.empty()) context.keep_scores(probe);
    emit_accounting(model, timed, services.writer);
    score(suite, params, context, loaded, kept, services.writer);
  }
  const std::string& missed = loaded.missed_zeros(request, services.methods);
  if (!missed.empty()) services.writer.event("warning", "model_sparsity", missed);
  if (loaded.subnormals()) {
    services.writer.event("warning", "model_subnormals", *loaded.subnormals());
  }
}

}  // namespace assay
