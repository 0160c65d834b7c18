// A whole prompt at once: the compute-bound half of inference.

#include <c10/core/InferenceMode.h>

#include <memory>
#include <string>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/param_makers.h"
#include "harness/model/greedy_loop.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kLatency = "prefill/latency";
constexpr const char* kRate = "prefill/tokens_per_s";

class Prefill final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string shape =
        "; empty static KV cache filled, head applied to the last position only, synthetic "
        "prompt, equal batch and prompt_tokens";
    SuiteKindInfo info;
    info.name = "prefill";
    info.summary = "Latency of running whole prompts into the KV cache";
    info.stage = Stage::kTime;
    info.needs_trained_weights = false;
    info.requires_ = needs_next_token();
    info.params = {
        count_param("batch", 1, 1, "sequences", "Prompts run together"),
        count_param("prompt_tokens", 512, 1, "tokens", "Length of each prompt"),
    };
    for (ParamSpec& spec : calls_params(5, 9, "calls", {"warmup", "iterations"})) {
      info.params.push_back(std::move(spec));
    }
    for (ParamSpec& spec : sampling_params()) info.params.push_back(std::move(spec));
    info.metrics = {
        {kRate, "tokens/s", 1, "batch x prompt_tokens / median latency" + shape,
         "Prompt tokens a second", Basis::kMeasured},
        {kLatency, "s", -1, "median time of one call" + shape, "Time to run the prompts",
         Basis::kMeasured},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const std::int64_t prompt_tokens = params.get_int("prompt_tokens");
    check_positions(model, prompt_tokens, "prompt_tokens");

    GreedyLoop loop(model, batch, prompt_tokens);
    const at::Tensor prompt = synthetic_prompt(model, batch, prompt_tokens, context.seed());
    const SamplingRules rules = sampling_rules(params, !model.device().is_cpu());
    DrawnOutputs drawn;
    const SampledCalls calls = sample_calls(
        rules, [&](std::int64_t n) { return timed(loop, prompt, n, drawn); },
        [&](std::int64_t done, std::int64_t least) { context.progress(done, least, "calls"); });
    const MetricValue peak = peak_rss_metric();
    const at::Tensor scored = scored_logits(loop, context, prompt);
    for (const auto& [call, logits] : drawn.kept()) {
      context.require_same(logits, scored, "timed call " + std::to_string(call),
                           [&] { return scored_logits(loop, context, prompt); });
    }
    emit_calls(context, kLatency, calls);
    context.emit(rate_metric(kRate, calls.steady, static_cast<double>(batch * prompt_tokens)));
    context.emit(median_metric(kLatency, calls.steady));
    context.emit(peak);
    context.meter(
        [&] {
          GreedyLoop fresh(model, batch, prompt_tokens);
          (void)fresh.prefill(prompt);
        },
        static_cast<double>(batch * prompt_tokens));
  }

 private:
  static double timed(GreedyLoop& loop, const at::Tensor& prompt, std::int64_t calls,
                      DrawnOutputs& drawn) {
    const double start = monotonic_seconds();
    for (std::int64_t i = 0; i < calls; ++i) (void)loop.prefill(prompt, drawn.next());
    return monotonic_seconds() - start;
  }

  /// Of the last position, through a whole pass without a cache; by the same path once more where a
  /// prompt is computed by a policy that scoring does not have, or blocks decide.
  static at::Tensor scored_logits(GreedyLoop& loop, SuiteContext& context,
                                  const at::Tensor& prompt) {
    const Model& model = context.model();
    const c10::InferenceMode inference;
    at::Tensor logits;
    if (!model.prefill_equals_decode() || context.decides()) {
      (void)loop.prefill(prompt, &logits);
      return logits;
    }
    const std::int64_t length = prompt.size(1);
    const at::Tensor hidden =
        model.hidden(prompt, nullptr, length).view({prompt.size(0), length, -1});
    return model.logits(hidden.select(1, length - 1).contiguous());
  }
};

}  // namespace

void register_prefill_suite(SuiteRegistry& registry) { registry.add(std::make_unique<Prefill>()); }

}  // namespace assay
