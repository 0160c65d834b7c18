// Batches of equally long texts through an encoder and its classifier.

#include <c10/core/InferenceMode.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/param_makers.h"
#include "harness/model/greedy_loop.h"
#include "harness/model/packed_sequences.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/step_log.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kLatency = "classify/latency";
constexpr const char* kRate = "classify/items_per_s";

/// tokens [batch, length] -> scores [batch, outputs] on the host: a call ends when they are there.
at::Tensor classify(const Model& model, const at::Tensor& tokens) {
  const c10::InferenceMode inference;
  return model.sequence_logits(tokens).to(at::kCPU);
}

/// The same as scoring computes it.
at::Tensor score(const Model& model, const at::Tensor& tokens) {
  const c10::InferenceMode inference;
  return model.sequence_logits(pack_sequences(tokens.unbind(0))).to(at::kCPU);
}

class ClassifyThroughput final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string shape =
        "; whole batches of synthetic texts of one length, without padding, scores on the host; "
        "equal batch and length";
    SuiteKindInfo info;
    info.name = "classify_throughput";
    info.summary = "Latency of scoring batches of texts with an encoder";
    info.stage = Stage::kTime;
    info.needs_trained_weights = false;
    info.requires_ = needs_encoder();
    info.params = {
        count_param("batch", 32, 1, "texts", "Texts run together"),
        count_param("length", 128, 1, "tokens", "Length of each text"),
    };
    for (ParamSpec& spec : calls_params(5, 9, "calls", {"warmup", "iterations"})) {
      info.params.push_back(std::move(spec));
    }
    for (ParamSpec& spec : sampling_params()) info.params.push_back(std::move(spec));
    info.metrics = {
        {kRate, "items/s", 1, "batch / median latency" + shape, "Texts a second", Basis::kMeasured},
        {kLatency, "s", -1, "median time of one call" + shape, "Time to score a batch",
         Basis::kMeasured},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const std::int64_t length = params.get_int("length");
    check_positions(model, length, "length");

    const at::Tensor tokens = synthetic_prompt(model, batch, length, context.seed());
    const SamplingRules rules = sampling_rules(params, !model.device().is_cpu());
    DrawnOutputs drawn;
    const SampledCalls calls = sample_calls(
        rules, [&](std::int64_t n) { return timed(model, tokens, n, drawn); },
        [&](std::int64_t done, std::int64_t least) { context.progress(done, least, "calls"); });
    const MetricValue peak = peak_rss_metric();
    require_scored(context, tokens, drawn);
    emit_calls(context, kLatency, calls);
    context.emit(rate_metric(kRate, calls.steady, static_cast<double>(batch)));
    context.emit(median_metric(kLatency, calls.steady));
    log_steps(context, tokens);
    context.emit(peak);
    context.meter([&] { (void)classify(model, tokens); }, static_cast<double>(batch * length));
  }

 private:
  static double timed(const Model& model, const at::Tensor& tokens, std::int64_t calls,
                      DrawnOutputs& drawn) {
    const double start = monotonic_seconds();
    for (std::int64_t i = 0; i < calls; ++i) {
      at::Tensor* place = drawn.next();
      at::Tensor scores = classify(model, tokens);
      if (place != nullptr) *place = std::move(scores);
    }
    return monotonic_seconds() - start;
  }

  /// Against a packed pass, as scoring has it; against the same call once more where blocks decide.
  static void require_scored(SuiteContext& context, const at::Tensor& tokens,
                             const DrawnOutputs& drawn) {
    const Model& model = context.model();
    const bool again = context.decides();
    const auto scored = [&] { return again ? classify(model, tokens) : score(model, tokens); };
    const at::Tensor expected = scored();
    for (const auto& [call, scores] : drawn.kept()) {
      context.require_same(scores, expected, "timed call " + std::to_string(call), scored);
    }
  }

  /// Once more, not measured, to see what each token cost.
  static void log_steps(SuiteContext& context, const at::Tensor& tokens) {
    StepLog log;
    context.watch(&log);
    (void)classify(context.model(), tokens);
    context.watch(nullptr);
    for (const MetricValue& metric : step_metrics(log, context.model().cost())) {
      context.emit(metric);
    }
  }
};

}  // namespace

void register_classify_throughput_suite(SuiteRegistry& registry) {
  registry.add(std::make_unique<ClassifyThroughput>());
}

}  // namespace assay
