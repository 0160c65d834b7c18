// One block of the model by itself, through Google Benchmark: what a kernel buys before anything
// else dilutes it.

#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/param_makers.h"
#include "harness/measure/device_timer.h"
#include "harness/model/greedy_loop.h"
#include "harness/stats/intervals.h"
#include "harness/suite/counted.h"
#include "harness/suite/step_log.h"
#include "harness/suite/timed.h"

namespace assay {
namespace {

constexpr const char* kLatency = "kernel/latency";
/// Inputs to go round in: the same one again and again would be an invitation to remember answers.
constexpr std::int64_t kInputs = 16;
constexpr std::int64_t kMostRepetitions = 1000;

/// What one block computes: rows of its recorded inputs in, rows out.
class TimedBlock {
 public:
  TimedBlock(const Model& model, std::int64_t layer, const std::string& name, std::int64_t batch,
             std::uint64_t seed)
      : layer_(&model.layers()[static_cast<std::size_t>(layer)]), batch_(batch) {
    step_.layer = layer;
    if (name != "ffn") linear_ = &linear_of(*layer_, name);
    const std::int64_t tokens = std::min(kInputs, model.spec().max_positions);
    Inputs inputs(layer, linear_ == nullptr ? Tap::kFfnInput : input_tap(role_of(*layer_, name)));
    (void)model.hidden(synthetic_prompt(model, batch, tokens, seed), &inputs, tokens);
    rows_ = inputs.by_token(batch, tokens);
  }

  /// Call number `call`, as decoding makes it.
  [[nodiscard]] at::Tensor run(std::int64_t call) {
    const at::Tensor rows = rows_.narrow(0, place_of(call), batch_);
    if (linear_ != nullptr) return linear_->forward(rows);
    step_.phase = Phase::kDecode;
    step_.batch = batch_;
    step_.tokens = 1;
    return layer_->ffn->forward(rows, step_);
  }
  /// The same for all inputs at once, as scoring makes it.
  [[nodiscard]] at::Tensor scored() {
    if (linear_ != nullptr) return linear_->forward(rows_);
    step_.phase = Phase::kScore;
    step_.batch = 1;
    step_.tokens = rows_.size(0);
    return layer_->ffn->forward(rows_, step_);
  }
  /// What the block decides for each of its inputs.
  [[nodiscard]] StepLog facts() {
    StepLog log;
    step_.observer = &log;
    for (std::int64_t first = 0; first < rows_.size(0); first += batch_) {
      log.begin_pass();
      (void)run(first / batch_);
    }
    step_.observer = nullptr;
    return log;
  }
  [[nodiscard]] Cost cost() const {
    return linear_ == nullptr ? layer_->ffn->cost() : linear_->cost();
  }
  [[nodiscard]] std::int64_t place_of(std::int64_t call) const {
    return call * batch_ % rows_.size(0);
  }

 private:
  /// Keeps the activations of one place.
  class Inputs final : public ActivationRecorder {
   public:
    Inputs(std::int64_t layer, Tap tap) : layer_(layer), tap_(tap) {}
    void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
                const StepContext& step) override {
      if (layer == layer_ && tap == tap_ && step.expert < 0) rows_ = rows.clone();
    }
    /// [batch * tokens, width], sequences one after the other -> token by token of all sequences.
    [[nodiscard]] at::Tensor by_token(std::int64_t batch, std::int64_t tokens) const {
      if (!rows_.defined())
        throw std::logic_error("the block does not tell the recorder its input");
      const std::int64_t width = rows_.size(1);
      return rows_.view({batch, tokens, width}).transpose(0, 1).reshape({-1, width});
    }

   private:
    std::int64_t layer_;
    Tap tap_;
    at::Tensor rows_;
  };

  static Slot role_of(const Layer& layer, const std::string& name) {
    std::string known;
    for (const SlotPlace& place : layer.places()) {
      if (place.expert >= 0) continue;  // which of them runs, the input says
      if (slot_name(place.slot) == name) return place.slot;
      known += std::string(known.empty() ? "" : ", ") + slot_name(place.slot);
    }
    throw DoesNotApply("suite parameters: block = '" + name + "', but the layer has: ffn, " +
                       known);
  }
  static const Linear& linear_of(const Layer& layer, const std::string& name) {
    return layer.linear(role_of(layer, name));
  }

  const Layer* layer_;
  const Linear* linear_ = nullptr;  ///< null: the feed-forward block
  std::int64_t batch_;
  StepContext step_;
  at::Tensor rows_;
};

/// Seconds a call of each repetition.
class Repetitions final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
    }
  }
  std::vector<double> seconds;
};

class Kernel final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "kernel";
    info.summary = "Latency of one block of one layer for a decoded token";
    info.stage = Stage::kTime;
    info.needs_trained_weights = false;
    info.params = {choice_param("block", {"ffn", "q", "k", "v", "o", "gate", "up", "down"},
                                "The feed-forward block, or one of the layer's products"),
                   count_param("layer", 0, 0, "", "Layer whose block it is"),
                   count_param("batch", 1, 1, "tokens", "Rows that the block gets at a time")};
    for (ParamSpec& spec : calls_params(5, 9, "calls", {"warmup", "repetitions"})) {
      info.params.push_back(std::move(spec));
    }
    for (ParamSpec& spec : sampling_params()) {
      if (spec.name != "max_seconds") info.params.push_back(std::move(spec));
    }
    info.metrics = {
        {kLatency, "s", -1,
         "median over repetitions of the mean of a fixed number of calls; inputs of a synthetic "
         "text; caches as the call before left them; on a GPU between events of its stream",
         "Time of one call of the block", Basis::kMeasured},
        peak_rss_definition(),
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode inference;
    const Model& model = context.model();
    const std::int64_t batch = params.get_int("batch");
    TimedBlock block(model, checked_layer(model, params), params.get_text("block"), batch,
                     context.seed());
    DeviceTimer timer(model.device());
    DrawnOutputs drawn;
    std::int64_t call = 0;
    const auto one = [&] {
      at::Tensor* place = drawn.next();
      at::Tensor out = block.run(call++);
      if (place != nullptr) *place = std::move(out);
    };
    const SamplingRules rules = rules_of(params, timer.gpu());
    SampledCalls calls = warm_up_calls(rules, [&](std::int64_t n) {
      return timer.seconds([&] {
        for (std::int64_t i = 0; i < n; ++i) one();
      });
    });
    measure(rules, timer, one, calls);
    const MetricValue peak = peak_rss_metric();
    require_scored(context, block, drawn, batch);
    emit_calls(context, kLatency, calls);
    context.emit(median_metric(kLatency, calls.steady));
    for (const MetricValue& metric : step_metrics(block.facts(), block.cost())) {
      context.emit(metric);
    }
    context.emit(peak);
    std::int64_t again = 0;
    context.meter([&] { (void)block.run(again++); }, static_cast<double>(batch));
    run_counted([&] { (void)block.run(again++); });
  }

 private:
  static SamplingRules rules_of(const Params& params, bool gpu) {
    SamplingRules rules;
    rules.warmup_calls = params.get_int("warmup_calls");
    rules.warmup_seconds = params.get_real("warmup_seconds");
    rules.samples = params.get_int("measured_calls");
    rules.seconds = params.get_real("seconds");
    return gpu ? on_gpu(rules) : rules;
  }

  /// So many that both minimums are reached, by what the warm-up took; fixed before the first one.
  static std::int64_t repetitions(const SamplingRules& rules, const SampledCalls& calls) {
    const std::span<const double> later = std::span(calls.warmup).subspan(calls.warmup.size() / 2);
    const double sample = std::max(median(later), 1e-9) * static_cast<double>(calls.loops);
    const auto lasting = static_cast<std::int64_t>(std::ceil(rules.seconds / sample));
    return std::min(std::max(rules.samples, lasting), std::max(rules.samples, kMostRepetitions));
  }

  static void measure(const SamplingRules& rules, const DeviceTimer& timer,
                      const std::function<void()>& one, SampledCalls& calls) {
    benchmark::ClearRegisteredBenchmarks();
    auto* kernel = benchmark::RegisterBenchmark("kernel", [&](benchmark::State& state) {
      for (auto step : state) {
        (void)step;
        if (timer.gpu()) {
          state.SetIterationTime(timer.seconds(one));
        } else {
          one();
        }
      }
    });
    kernel->Iterations(calls.loops);
    kernel->Repetitions(static_cast<int>(repetitions(rules, calls)));
    timer.gpu() ? kernel->UseManualTime() : kernel->UseRealTime();
    Repetitions seen;
    benchmark::RunSpecifiedBenchmarks(&seen);
    benchmark::ClearRegisteredBenchmarks();
    calls.steady = std::move(seen.seconds);
    for (const double seconds : calls.steady) {
      calls.steady_seconds += seconds * static_cast<double>(calls.loops);
    }
  }

  static void require_scored(SuiteContext& context, TimedBlock& block, const DrawnOutputs& drawn,
                             std::int64_t batch) {
    const bool again = context.decides();
    for (const auto& [call, rows] : drawn.kept()) {
      const auto expected = [&, call = call] {
        return again ? block.run(call) : block.scored().narrow(0, block.place_of(call), batch);
      };
      context.require_same(rows, expected(), "timed call " + std::to_string(call), expected);
    }
  }

  static std::int64_t checked_layer(const Model& model, const Params& params) {
    const std::int64_t layer = params.get_int("layer");
    if (layer < model.layer_count()) return layer;
    throw DoesNotApply("suite parameters: layer = " + std::to_string(layer) +
                       ", but the model has layers 0 to " +
                       std::to_string(model.layer_count() - 1));
  }
};

}  // namespace

void register_kernel_suite(SuiteRegistry& registry) { registry.add(std::make_unique<Kernel>()); }

}  // namespace assay
