// Timing of encoders: what is measured and compared, not how fast it is.

#include <ATen/ops/abs.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/wrapped.h"
#include "harness/suite/suite_fixture.h"

namespace assay {
namespace {

const Json kQuick = {{"batch", 3},          {"length", 7},  {"warmup_calls", 1},
                     {"measured_calls", 9}, {"seconds", 0}, {"max_seconds", 0},
                     {"warmup_seconds", 0}};

class TimedContext final : public RecordingContext {
 public:
  explicit TimedContext(Model& model) : RecordingContext(model, model, ""), model_(model) {}
  void watch(StepObserver* observer) override { model_.watch(observer); }
  void emit_samples(const std::vector<Sample>& values) override {
    for (const Sample& sample : values) samples[sample.tag].push_back(sample);
  }
  void progress(std::int64_t, std::int64_t, const std::string&) override {}
  void require_same(const at::Tensor& timed, const at::Tensor& scored, const std::string& what,
                    const std::function<at::Tensor()>& rescored) override {
    ASSERT_EQ(timed.sizes(), scored.sizes()) << what;
    EXPECT_TRUE(rescored().equal(scored)) << what;
    const double apart = at::max(at::abs(at::sub(timed, scored))).item<double>();
    EXPECT_LE(apart, 1e-4 * at::max(at::abs(scored)).item<double>()) << what;
    width = timed.size(1);
    ++compared;
  }
  void meter(const std::function<void()>& work, double tokens) override {
    work();
    metered_tokens = tokens;
  }

  std::int64_t width = 0;
  int compared = 0;
  double metered_tokens = 0;
  std::map<std::string, std::vector<Sample>> samples;

 private:
  Model& model_;
};

Model encoder(const std::string& name) { return Model::load(encoder_folder() / name, {}); }

TEST(ClassifyThroughput, TimesBatchesAndComparesThemWithScoring) {
  Model model = encoder("bert_classifier");
  TimedContext seen(model);
  run_kind("classify_throughput", seen, kQuick);
  const auto& samples = seen.samples.at("classify/latency");
  EXPECT_EQ(std::ranges::count_if(samples, &Sample::warmup), 1);
  EXPECT_GE(samples.size(), 10U);
  EXPECT_EQ(seen.compared, 8);
  EXPECT_EQ(seen.width, 3) << "classes";
  EXPECT_EQ(seen.metered_tokens, 21);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("classify/items_per_s").value,
                   3 / *seen.metrics.at("classify/latency").value);
}

TEST(ClassifyThroughput, EmitsExactlyTheDeclaredMetrics) {
  SuiteRegistry registry;
  register_builtin_suites(registry);
  const SuiteKindInfo info = registry.get("classify_throughput").info();
  EXPECT_EQ(info.stage, Stage::kTime);
  EXPECT_FALSE(info.needs_trained_weights);
  std::set<std::string> declared = {"step/touched_bytes", "step/touched_bytes_p95",
                                    "step/flops_per_token"};
  for (const MetricDef& def : info.metrics) declared.insert(def.tag);
  Model model = encoder("bert_classifier");
  TimedContext seen(model);
  run_kind("classify_throughput", seen, kQuick);
  std::set<std::string> emitted;
  for (const auto& [tag, value] : seen.metrics) emitted.insert(tag);
  EXPECT_EQ(emitted, declared);
}

TEST(ClassifyThroughput, WithoutAClassifierThePooledRowsAreTheResult) {
  Model model = encoder("bert_model");
  TimedContext seen(model);
  run_kind("classify_throughput", seen, kQuick);
  EXPECT_EQ(seen.compared, 8);
  EXPECT_EQ(seen.width, model.spec().width);
}

/// Tells how much it read, and which rows it read for.
class TellingFfn final : public WrappedFfn {
 public:
  explicit TellingFfn(std::unique_ptr<Ffn> inner) : WrappedFfn(std::move(inner)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    if (step.observer != nullptr) {
      step.observer->observe(step.layer, kTouchedBytes, at::full({rows.size(0)}, 100.0));
    }
    return inner().forward(rows, step);
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<TellingFfn>(std::move(inner));
  }
};

TEST(ClassifyThroughput, WhatATokenCostIsToldOfOnePass) {
  Model model = encoder("bert_classifier");
  const auto fixed = static_cast<double>(model.cost().touched_bytes);
  for (Layer& layer : model.layers()) {
    layer.ffn = std::make_unique<TellingFfn>(std::move(layer.ffn));
  }
  TimedContext seen(model);
  run_kind("classify_throughput", seen, kQuick);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("step/touched_bytes").value, fixed + 200);
  EXPECT_EQ(seen.metrics.at("step/touched_bytes").n, 21);
}

TEST(ClassifyThroughput, TextsLongerThanTheModelDoNotApply) {
  Model model = encoder("bert_classifier");
  TimedContext seen(model);
  EXPECT_THROW(run_kind("classify_throughput", seen, {{"length", 41}}), DoesNotApply);
}

}  // namespace
}  // namespace assay
