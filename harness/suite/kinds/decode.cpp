// Token by token: what a user of a chat waits for.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/param_makers.h"
#include "harness/model/greedy_loop.h"
#include "harness/suite/generations.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/step_log.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kToken = "decode/token_latency";
constexpr const char* kFirst = "decode/first_token_latency";
constexpr const char* kRate = "decode/tokens_per_s";
constexpr const char* kP95 = "decode/token_latency_p95";
constexpr const char* kP99 = "decode/token_latency_p99";

class Decode final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string shape =
        "; greedy, static KV cache, synthetic prompt, equal batch, "
        "prompt_tokens and new_tokens";
    SuiteKindInfo info;
    info.name = "decode";
    info.summary = "Latency of the first token and of each further one, greedy, static KV cache";
    info.stage = Stage::kTime;
    info.needs_trained_weights = false;
    info.requires_ = needs_next_token();
    info.params = {
        count_param("batch", 1, 1, "sequences", "Sequences decoded together"),
        count_param("prompt_tokens", 128, 1, "tokens", "Length of each prompt"),
        count_param("new_tokens", 64, 2, "tokens", "Tokens generated for each sequence"),
        formerly(count_param("warmup_calls", 8, 1, "steps",
                             "Decoding steps of a warm-up, after a prompt of their own"),
                 {"warmup_steps"}),
        formerly(count_param("measured_calls", 3, 1, "generations",
                             "Generations measured in one process"),
                 {"repetitions"}),
        warmup_seconds_param(),
    };
    info.metrics = {
        {kRate, "tokens/s", 1, "batch / median time of a decoding step" + shape,
         "Generated tokens a second, the first one of each sequence left out", Basis::kMeasured},
        {kToken, "s", -1, "median time of a decoding step of the whole batch" + shape,
         "Time between two tokens", Basis::kMeasured},
        {kFirst, "s", -1, "median time of prefill and first choice" + shape,
         "Time from the prompt to the first token", Basis::kMeasured},
        {kP95, "s", 0, "95th percentile of the steps of a process" + shape,
         "Time between two tokens that one of twenty exceeds", Basis::kMeasured},
        {kP99, "s", 0, "99th percentile of the steps of a process" + shape,
         "Time between two tokens that one of a hundred exceeds", Basis::kMeasured},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const std::int64_t prompt_tokens = params.get_int("prompt_tokens");
    const std::int64_t new_tokens = params.get_int("new_tokens");
    const std::int64_t warmup_steps = params.get_int("warmup_calls");
    const std::int64_t repetitions = params.get_int("measured_calls");
    // The last chosen token is not fed back.
    const std::int64_t capacity = prompt_tokens + std::max(new_tokens - 1, warmup_steps);
    check_positions(model, capacity, "prompt_tokens + new_tokens (or warmup_calls)");

    const at::Tensor prompt = synthetic_prompt(model, batch, prompt_tokens, context.seed());
    Generations generations(model, prompt, capacity);
    warm_up(generations, warmup_steps, least_warmup(params, model));
    const double warmup = generations.total();
    for (std::int64_t r = 0; r < repetitions; ++r) {
      generations.run(new_tokens - 1, /*warmup=*/false);
      context.progress(r + 1, repetitions, "generations");
    }
    const double steady = generations.total() - warmup;
    const MetricValue peak = peak_rss_metric();  // before the checks, which hold more
    generations.require_scored(context);
    emit_times(context, generations, batch);
    emit_phases(context, generations.first().samples().front().value, warmup, steady);
    log_steps(context, prompt, capacity, new_tokens - 1);
    context.emit(peak);
    context.meter([&] { Generations(model, prompt, capacity).run(new_tokens - 1, false); },
                  static_cast<double>(batch * new_tokens));
  }

 private:
  /// Whole generations, until steps and time are reached.
  static void warm_up(Generations& generations, std::int64_t steps, double seconds) {
    do {
      generations.run(steps, /*warmup=*/true);
    } while (generations.total() < seconds);
  }

  static double least_warmup(const Params& params, const Model& model) {
    const double seconds = params.get_real("warmup_seconds");
    return model.device().is_cpu() ? seconds : std::max(seconds, 1.0);
  }

  static void emit_times(SuiteContext& context, const Generations& generations,
                         std::int64_t batch) {
    context.emit_samples(generations.first().samples());
    context.emit_samples(generations.tokens().samples());
    const std::vector<double> steps = generations.tokens().steady();
    context.emit(rate_metric(kRate, steps, static_cast<double>(batch)));
    context.emit(median_metric(kToken, steps));
    context.emit(median_metric(kFirst, generations.first().steady()));
    context.emit(percentile_metric(kP95, steps, 0.95));
    context.emit(percentile_metric(kP99, steps, 0.99));
    if (const auto drift = generations.drift()) {
      context.remark("not_steady", std::string(kToken) + ": " + *drift);
    }
  }

  /// Once more, not measured, to see what each token cost.
  static void log_steps(SuiteContext& context, const at::Tensor& prompt, std::int64_t capacity,
                        std::int64_t steps) {
    GreedyLoop loop(context.model(), prompt.size(0), capacity);
    at::Tensor next = loop.prefill(prompt);
    StepLog log;
    context.watch(&log);
    // A first step of which nothing is told: no step costs another than the accounting's.
    for (std::int64_t i = 0; i < steps && (i == 0 || !log.empty()); ++i) next = loop.step(next);
    context.watch(nullptr);
    for (const MetricValue& metric : step_metrics(log, context.model().cost())) {
      context.emit(metric);
    }
  }
};

}  // namespace

void register_decode_suite(SuiteRegistry& registry) { registry.add(std::make_unique<Decode>()); }

}  // namespace assay
