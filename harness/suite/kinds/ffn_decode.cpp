// The feed-forward blocks alone, one token at a time: what a method that rewrites them buys before
// the rest of the model dilutes it.

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/param_makers.h"
#include "harness/model/greedy_loop.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/step_log.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kLatency = "ffn_decode/latency";
constexpr const char* kRate = "ffn_decode/tokens_per_s";

/// The blocks' inputs of a pass, layer by layer.
class FfnInputs final : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override {
    if (tap != Tap::kFfnInput || step.expert >= 0) return;
    if (static_cast<std::int64_t>(rows_.size()) != layer) {
      throw std::logic_error("layers told of their inputs out of order, or twice");
    }
    rows_.push_back(rows.clone());
  }
  /// [tokens, width] of each layer. Throws when a block did not tell.
  [[nodiscard]] const std::vector<at::Tensor>& of(const Model& model) const {
    if (static_cast<std::int64_t>(rows_.size()) != model.layer_count()) {
      throw std::logic_error("a feed-forward block does not tell the recorder its input");
    }
    return rows_;
  }

 private:
  std::vector<at::Tensor> rows_;
};

/// All blocks once, on rows [first, first + batch) of their recorded inputs. `out`: where to leave
/// what the last one computed.
void run_blocks(const Model& model, const std::vector<at::Tensor>& inputs, std::int64_t first,
                std::int64_t batch, StepObserver* observer, at::Tensor* out = nullptr) {
  StepContext step;
  step.phase = Phase::kDecode;
  step.batch = batch;
  step.tokens = 1;
  step.observer = observer;
  if (observer != nullptr) observer->begin_pass();
  for (std::int64_t layer = 0; layer < model.layer_count(); ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    step.layer = layer;
    at::Tensor rows =
        model.layers()[index].ffn->forward(inputs[index].narrow(0, first, batch), step);
    if (out != nullptr && layer + 1 == model.layer_count()) *out = std::move(rows);
  }
}

class FfnDecode final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string shape =
        "; all layers one after the other, inputs of a synthetic text, equal batch";
    SuiteKindInfo info;
    info.name = "ffn_decode";
    info.summary = "Latency of the feed-forward blocks for one decoded token";
    info.stage = Stage::kTime;
    info.needs_trained_weights = false;
    info.requires_ = needs_next_token();
    info.params = {
        count_param("batch", 1, 1, "tokens", "Rows that a block gets at a time"),
    };
    for (ParamSpec& spec : calls_params(8, 48, "steps", {"warmup", "steps"})) {
      info.params.push_back(std::move(spec));
    }
    for (ParamSpec& spec : sampling_params()) info.params.push_back(std::move(spec));
    info.metrics = {
        {kRate, "tokens/s", 1, "batch / median time of a step" + shape,
         "Tokens a second through the feed-forward blocks", Basis::kMeasured},
        {kLatency, "s", -1, "median time of a step" + shape,
         "Time of the feed-forward blocks of all layers for one step", Basis::kMeasured},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode inference;
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    const SamplingRules rules = sampling_rules(params, !model.device().is_cpu());
    const std::int64_t tokens =
        std::min(rules.warmup_calls + rules.samples, model.spec().max_positions);
    FfnInputs recorder;
    // Every row of the batch reads a text of its own.
    (void)model.hidden(synthetic_prompt(model, batch, tokens, context.seed()), &recorder, tokens);
    const std::vector<at::Tensor> inputs = by_step(recorder.of(model), batch, tokens);
    DrawnOutputs drawn;
    std::int64_t step = 0;
    const SampledCalls calls = sample_calls(
        rules,
        [&](std::int64_t n) {
          const double start = monotonic_seconds();
          for (std::int64_t i = 0; i < n; ++i, ++step) {
            run_blocks(model, inputs, step % tokens * batch, batch, nullptr, drawn.next());
          }
          wait_for(model);
          return monotonic_seconds() - start;
        },
        [&](std::int64_t done, std::int64_t least) { context.progress(done, least, "steps"); });
    const MetricValue peak = peak_rss_metric();
    require_scored(context, inputs, drawn, batch, tokens);
    StepLog facts;
    for (std::int64_t i = 0; i < tokens; ++i) run_blocks(model, inputs, i * batch, batch, &facts);
    emit_calls(context, kLatency, calls);
    context.emit(rate_metric(kRate, calls.steady, static_cast<double>(batch)));
    context.emit(median_metric(kLatency, calls.steady));
    for (const MetricValue& metric : step_metrics(facts, blocks_cost(model))) {
      context.emit(metric);
    }
    context.emit(peak);
    context.meter([&] { run_blocks(model, inputs, 0, batch, nullptr); },
                  static_cast<double>(batch));
  }

 private:
  /// Outputs of the last layer's block must be those of a scoring pass over the same inputs; of the
  /// same step once more where blocks decide.
  static void require_scored(SuiteContext& context, const std::vector<at::Tensor>& inputs,
                             const DrawnOutputs& drawn, std::int64_t batch, std::int64_t tokens) {
    const Model& model = context.model();
    const bool again = context.decides();
    for (const auto& [call, rows] : drawn.kept()) {
      const std::int64_t first = call % tokens * batch;
      const auto expected = [&] {
        at::Tensor out;
        if (!again) return score_last(model, inputs.back()).narrow(0, first, batch);
        run_blocks(model, inputs, first, batch, nullptr, &out);
        return out;
      };
      context.require_same(rows, expected(), "timed step " + std::to_string(call), expected);
    }
  }

  /// What the last block computes of all its inputs in a pass that scores.
  static at::Tensor score_last(const Model& model, const at::Tensor& inputs) {
    StepContext step;
    step.tokens = inputs.size(0);
    step.layer = model.layer_count() - 1;
    return model.layers().back().ffn->forward(inputs, step);
  }

  /// Until a device that runs behind has caught up.
  static void wait_for(const Model& model) {
    if (model.device().is_cpu()) return;
    c10::impl::VirtualGuardImpl(model.device().type()).synchronizeDevice(model.device().index());
  }

  /// [batch * tokens, width], sequences one after the other -> token by token of all sequences.
  static std::vector<at::Tensor> by_step(const std::vector<at::Tensor>& recorded,
                                         std::int64_t batch, std::int64_t tokens) {
    std::vector<at::Tensor> inputs;
    for (const at::Tensor& rows : recorded) {
      const std::int64_t width = rows.size(1);
      inputs.push_back(rows.view({batch, tokens, width}).transpose(0, 1).reshape({-1, width}));
    }
    return inputs;
  }

  static Cost blocks_cost(const Model& model) {
    Cost sum;
    for (const Layer& layer : model.layers()) sum += layer.ffn->cost();
    return sum;
  }
};

}  // namespace

void register_ffn_decode_suite(SuiteRegistry& registry) {
  registry.add(std::make_unique<FfnDecode>());
}

}  // namespace assay
