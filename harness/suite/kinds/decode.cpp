// Token by token: what a user of a chat waits for.

#include <algorithm>
#include <memory>

#include "harness/base/clock.h"
#include "harness/suite/step_log.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kToken = "decode/token_latency";
constexpr const char* kFirst = "decode/first_token_latency";
constexpr const char* kRate = "decode/tokens_per_s";

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
    info.params = {
        count_param("batch", 1, 1, "sequences", "Sequences decoded together"),
        count_param("prompt_tokens", 128, 1, "tokens", "Length of each prompt"),
        count_param("new_tokens", 64, 2, "tokens", "Tokens generated for each sequence"),
        count_param("warmup_steps", 8, 1, "tokens",
                    "Decoding steps before the measured ones, after a prompt of their own"),
        count_param("repetitions", 3, 1, "", "Generations measured in one process"),
    };
    info.metrics = {
        {kRate, "tokens/s", 1, "batch / median time of a decoding step" + shape,
         "Generated tokens a second, the first one of each sequence left out"},
        {kToken, "s", -1, "median time of a decoding step of the whole batch" + shape,
         "Time between two tokens"},
        {kFirst, "s", -1, "median time of prefill and first choice" + shape,
         "Time from the prompt to the first token"},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const std::int64_t prompt_tokens = params.get_int("prompt_tokens");
    const std::int64_t new_tokens = params.get_int("new_tokens");
    const std::int64_t warmup_steps = params.get_int("warmup_steps");
    const std::int64_t repetitions = params.get_int("repetitions");
    // The last chosen token is not fed back.
    const std::int64_t capacity = prompt_tokens + std::max(new_tokens - 1, warmup_steps);
    check_positions(model, capacity, "prompt_tokens + new_tokens (or warmup_steps)");

    GreedyLoop loop(model, batch, capacity);
    const at::Tensor prompt = synthetic_prompt(model, batch, prompt_tokens, context.seed());
    SampleLog first(kFirst), tokens(kToken);
    generate(loop, prompt, warmup_steps, /*warmup=*/true, first, tokens);
    for (std::int64_t r = 0; r < repetitions; ++r) {
      generate(loop, prompt, new_tokens - 1, /*warmup=*/false, first, tokens);
      context.progress(r + 1, repetitions, "generations");
    }
    log_steps(context, loop, prompt, new_tokens - 1);
    context.emit_samples(first.samples());
    context.emit_samples(tokens.samples());
    const std::vector<double> steps = tokens.steady();
    context.emit(rate_metric(kRate, steps, static_cast<double>(batch)));
    context.emit(median_metric(kToken, steps));
    context.emit(median_metric(kFirst, first.steady()));
    context.emit(peak_rss_metric());
  }

 private:
  /// Once more, not measured, to see what each token cost.
  static void log_steps(SuiteContext& context, GreedyLoop& loop, const at::Tensor& prompt,
                        std::int64_t steps) {
    at::Tensor next = loop.prefill(prompt);
    StepLog log;
    context.watch(&log);
    // A first step of which nothing is told: no step costs another than the accounting's.
    for (std::int64_t i = 0; i < steps && (i == 0 || !log.empty()); ++i) next = loop.step(next);
    context.watch(nullptr);
    for (const MetricValue& metric : step_metrics(log, context.model().cost().touched_bytes)) {
      context.emit(metric);
    }
  }

  static void generate(GreedyLoop& loop, const at::Tensor& prompt, std::int64_t steps, bool warmup,
                       SampleLog& first, SampleLog& tokens) {
    double start = monotonic_seconds();
    at::Tensor next = loop.prefill(prompt);
    double now = monotonic_seconds();
    first.add(now - start, warmup);
    for (std::int64_t i = 0; i < steps; ++i) {
      start = now;
      next = loop.step(next);
      now = monotonic_seconds();
      tokens.add(now - start, warmup);
    }
  }
};

}  // namespace

void register_decode_suite(SuiteRegistry& registry) { registry.add(std::make_unique<Decode>()); }

}  // namespace assay
