// A whole prompt at once: the compute-bound half of inference.

#include <memory>

#include "harness/base/clock.h"
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
    info.params = {
        count_param("batch", 1, 1, "sequences", "Prompts run together"),
        count_param("prompt_tokens", 512, 1, "tokens", "Length of each prompt"),
        count_param("warmup", 3, 1, "calls", "Calls before the measured ones"),
        count_param("iterations", 9, 1, "calls", "Measured calls in one process"),
    };
    info.metrics = {
        {kRate, "tokens/s", 1, "batch x prompt_tokens / median latency" + shape,
         "Prompt tokens a second"},
        {kLatency, "s", -1, "median time of one call" + shape, "Time to run the prompts"},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const std::int64_t prompt_tokens = params.get_int("prompt_tokens");
    const std::int64_t warmup = params.get_int("warmup");
    const std::int64_t calls = warmup + params.get_int("iterations");
    check_positions(model, prompt_tokens, "prompt_tokens");

    GreedyLoop loop(model, batch, prompt_tokens);
    const at::Tensor prompt = synthetic_prompt(model, batch, prompt_tokens, context.seed());
    SampleLog log(kLatency);
    for (std::int64_t i = 0; i < calls; ++i) {
      const double start = monotonic_seconds();
      (void)loop.prefill(prompt);
      log.add(monotonic_seconds() - start, i < warmup);
      context.progress(i + 1, calls, "calls");
    }
    context.emit_samples(log.samples());
    const std::vector<double> seconds = log.steady();
    context.emit(rate_metric(kRate, seconds, static_cast<double>(batch * prompt_tokens)));
    context.emit(median_metric(kLatency, seconds));
    context.emit(peak_rss_metric());
  }
};

}  // namespace

void register_prefill_suite(SuiteRegistry& registry) { registry.add(std::make_unique<Prefill>()); }

}  // namespace assay
