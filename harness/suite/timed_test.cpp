// The timing suites on a small random model: what they measure, not how fast it is.
#include "harness/suite/timed.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/sub.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "harness/base/errors.h"
#include "harness/model/greedy_loop.h"
#include "harness/model/wrapped.h"
#include "harness/protocol/common_metrics.h"
#include "harness/suite/counted.h"
#include "tests/support/build_paths.h"

namespace assay {

void register_decode_suite(SuiteRegistry& registry);
void register_ffn_decode_suite(SuiteRegistry& registry);
void register_kernel_suite(SuiteRegistry& registry);
void register_prefill_suite(SuiteRegistry& registry);

namespace {

/// A two-layer model of the LLaMA family with random weights, in a folder that lives as long.
class SmallModel {
 public:
  SmallModel()
      : folder_(std::filesystem::temp_directory_path() /
                ("assay_timed_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "config.json") << R"({"model_type": "llama",
      "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 48,
      "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
      "vocab_size": 101, "max_position_embeddings": 40, "rms_norm_eps": 1e-5,
      "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
      "torch_dtype": "float32"})";
    LoadOptions options;
    options.random_weights = true;
    model_ = std::make_unique<Model>(Model::load(folder_, options));
  }
  ~SmallModel() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] Model& get() { return *model_; }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Model> model_;
};

class Recording final : public SuiteContext {
 public:
  explicit Recording(Model& model) : model_(&model) {}
  const Model& model() override { return *model_; }
  const Model& dense_twin() override { return *model_; }
  const std::filesystem::path& data() const override {
    throw std::logic_error("timing suites read no data");
  }
  std::uint64_t seed() const override { return 5; }
  void watch(StepObserver* observer) override { model_->watch(observer); }
  void emit(const MetricValue& value) override { metrics[value.tag] = value; }
  void emit_items(const std::vector<ItemScore>&) override { FAIL() << "no items are scored"; }
  void emit_samples(const std::vector<Sample>& values) override {
    for (const Sample& sample : values) samples[sample.tag].push_back(sample);
  }
  void progress(std::int64_t, std::int64_t, const std::string&) override {}
  void remark(const std::string& code, const std::string&) override { remarks.push_back(code); }
  void require_same(const at::Tensor& timed, const at::Tensor& scored, const std::string& what,
                    const std::function<at::Tensor()>& rescored) override {
    ASSERT_EQ(timed.sizes(), scored.sizes()) << what;
    EXPECT_TRUE(rescored().equal(scored)) << what;
    const double apart = at::max(at::abs(at::sub(timed, scored))).item<double>();
    EXPECT_LE(apart, 1e-4 * at::max(at::abs(scored)).item<double>()) << what;
    ++compared;
  }
  bool decides() override { return decides_; }
  void meter(const std::function<void()>& work, double tokens) override {
    work();
    metered_tokens = tokens;
  }

  bool decides_ = false;
  std::vector<std::string> remarks;
  int compared = 0;
  double metered_tokens = 0;
  std::map<std::string, MetricValue> metrics;
  std::map<std::string, std::vector<Sample>> samples;

 private:
  Model* model_;
};

/// An FFN that says how much it read: `bytes` for each row of the first layer, twice that of the
/// next.
class TellingFfn final : public WrappedFfn {
 public:
  TellingFfn(std::unique_ptr<Ffn> inner, double bytes)
      : WrappedFfn(std::move(inner)), bytes_(bytes) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    if (step.observer != nullptr) {
      const at::Tensor told = at::full({rows.size(0)}, bytes_ * double(step.layer + 1));
      step.observer->observe(step.layer, kTouchedBytes, told);
    }
    return inner().forward(rows, step);
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<TellingFfn>(std::move(inner), bytes_);
  }

 private:
  double bytes_;
};

class TimedSuites : public ::testing::Test {
 protected:
  TimedSuites() {
    register_decode_suite(registry_);
    register_ffn_decode_suite(registry_);
    register_kernel_suite(registry_);
    register_prefill_suite(registry_);
  }

  Recording run(const std::string& kind, const Json& given) {
    Recording context(model_.get());
    const SuiteKind& suite = registry_.get(kind);
    suite.run(context, Params(suite.info().params, given));
    return context;
  }

  SmallModel model_;
  SuiteRegistry registry_;
};

std::int64_t count_warmups(const std::vector<Sample>& samples) {
  return std::count_if(samples.begin(), samples.end(), [](const Sample& s) { return s.warmup; });
}

TEST_F(TimedSuites, DecodeKeepsEverySampleAndMarksTheWarmUp) {
  const Recording seen = run("decode", {{"batch", 2},
                                        {"prompt_tokens", 6},
                                        {"new_tokens", 5},
                                        {"warmup_calls", 3},
                                        {"warmup_seconds", 0},
                                        {"measured_calls", 2}});
  const auto& tokens = seen.samples.at("decode/token_latency");
  ASSERT_EQ(tokens.size(), 3U + 2U * 4U);
  EXPECT_EQ(count_warmups(tokens), 3);
  EXPECT_TRUE(tokens[2].warmup && !tokens[3].warmup);
  const auto& first = seen.samples.at("decode/first_token_latency");
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(count_warmups(first), 1);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(tokens[i].index, static_cast<std::int64_t>(i));
    EXPECT_GT(tokens[i].value, 0);
  }
}

TEST_F(TimedSuites, TheWarmUpLastsAsLongAsAsked) {
  const Recording seen = run("decode", {{"prompt_tokens", 4}, {"new_tokens", 5}});
  double warmup = 0;
  for (const char* tag : {"decode/first_token_latency", "decode/token_latency"}) {
    for (const Sample& sample : seen.samples.at(tag)) warmup += sample.warmup ? sample.value : 0;
  }
  EXPECT_GE(warmup, 0.5);
  EXPECT_DOUBLE_EQ(seen.samples.at("process/warmup").at(0).value, warmup);
  EXPECT_EQ(seen.samples.at("process/first_call").at(0).value,
            seen.samples.at("decode/first_token_latency").at(0).value);
  EXPECT_GT(seen.samples.at("process/steady").at(0).value, 0);
}

TEST_F(TimedSuites, EveryKindComparesWhatItTimedWithWhatIsScored) {
  const Json quick = {{"warmup_seconds", 0}, {"seconds", 0}, {"max_seconds", 0}};
  for (const char* kind : {"prefill", "ffn_decode"}) {
    Json given = quick;
    if (std::string(kind) == "prefill") given["prompt_tokens"] = 6;
    EXPECT_EQ(run(kind, given).compared, 8) << kind;
  }
  const Recording decode = run("decode", {{"prompt_tokens", 5}, {"new_tokens", 9}, {"batch", 2}});
  EXPECT_EQ(decode.compared, 8);
  EXPECT_EQ(decode.metered_tokens, 18);
}

TEST_F(TimedSuites, PercentilesNeedEnoughSamples) {
  const Recording few = run("decode", {{"prompt_tokens", 4}, {"new_tokens", 30}});
  EXPECT_FALSE(few.metrics.at("decode/token_latency_p95").value.has_value());
  EXPECT_EQ(few.metrics.at("decode/token_latency_p95").null_reason,
            "n too small: 87 samples in a process, and percentile 95 needs 90");
  const Recording more = run("decode", {{"prompt_tokens", 4}, {"new_tokens", 31}});
  EXPECT_TRUE(more.metrics.at("decode/token_latency_p95").value.has_value());
  EXPECT_FALSE(more.metrics.at("decode/token_latency_p99").value.has_value());
}

TEST_F(TimedSuites, DecodeRateIsBatchOverMedianLatency) {
  const Recording seen = run("decode", {{"batch", 3}, {"prompt_tokens", 4}, {"new_tokens", 9}});
  const MetricValue& latency = seen.metrics.at("decode/token_latency");
  const MetricValue& rate = seen.metrics.at("decode/tokens_per_s");
  EXPECT_EQ(latency.n, 3 * 8);
  EXPECT_DOUBLE_EQ(*rate.value, 3 / *latency.value);
  EXPECT_DOUBLE_EQ(*rate.lo, 3 / *latency.hi);
  EXPECT_DOUBLE_EQ(*rate.hi, 3 / *latency.lo);
  EXPECT_LE(*latency.lo, *latency.value);
  EXPECT_EQ(latency.interval_method, "order_statistics");
}

TEST_F(TimedSuites, EmitExactlyTheDeclaredMetrics) {
  const std::map<std::string, Json> cases = {
      {"decode", {{"prompt_tokens", 5}, {"new_tokens", 9}}},
      {"ffn_decode", {{"measured_calls", 12}, {"warmup_calls", 2}}},
      {"kernel", {{"block", "gate"}}},
      {"prefill", {{"prompt_tokens", 5}}},
  };
  for (const auto& [kind, given] : cases) {
    const SuiteKindInfo info = registry_.get(kind).info();
    EXPECT_EQ(info.stage, Stage::kTime);
    EXPECT_FALSE(info.needs_trained_weights);
    std::set<std::string> declared, emitted;
    for (const MetricDef& def : info.metrics) declared.insert(def.tag);
    if (kind != "prefill") {
      declared.insert({"step/touched_bytes", "step/touched_bytes_p95", "step/flops_per_token"});
    }
    const Recording seen = run(kind, given);
    for (const auto& [tag, value] : seen.metrics) emitted.insert(tag);
    EXPECT_EQ(declared, emitted) << kind;
    EXPECT_GT(*seen.metrics.at("peak_rss").value, 1e6);
  }
}

TEST_F(TimedSuites, PrefillCountsEveryPromptToken) {
  const Recording seen = run("prefill", {{"batch", 2},
                                         {"prompt_tokens", 7},
                                         {"warmup_calls", 1},
                                         {"measured_calls", 4},
                                         {"warmup_seconds", 0},
                                         {"seconds", 0},
                                         {"max_seconds", 0}});
  const auto& samples = seen.samples.at("prefill/latency");
  EXPECT_EQ(samples.size(), 5U);
  EXPECT_EQ(count_warmups(samples), 1);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("prefill/tokens_per_s").value,
                   14 / *seen.metrics.at("prefill/latency").value);
  EXPECT_FALSE(seen.metrics.at("prefill/latency").lo.has_value()) << "4 samples: no 95 % interval";
}

TEST_F(TimedSuites, FfnDecodeTimesEveryStepOfTheBlocks) {
  const Recording seen = run("ffn_decode", {{"batch", 2},
                                            {"measured_calls", 50},
                                            {"warmup_calls", 3},
                                            {"warmup_seconds", 0},
                                            {"seconds", 0},
                                            {"max_seconds", 0}});
  const auto& samples = seen.samples.at("ffn_decode/latency");
  EXPECT_EQ(samples.size(), 53U) << "more steps than positions: inputs are used again";
  EXPECT_EQ(count_warmups(samples), 3);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("ffn_decode/tokens_per_s").value,
                   2 / *seen.metrics.at("ffn_decode/latency").value);
  const double blocks = 2.0 * 3 * 32 * 48 * sizeof(float);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("step/touched_bytes").value, blocks);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("step/flops_per_token").value, 2.0 * 2 * 3 * 32 * 48);
}

TEST_F(TimedSuites, KernelTimesOneBlockInRepetitionsOfEqualLength) {
  for (const char* block : {"ffn", "q", "o", "up", "down"}) {
    const Recording seen = run("kernel", {{"block", block},
                                          {"layer", 1},
                                          {"batch", 2},
                                          {"measured_calls", 12},
                                          {"warmup_seconds", 0},
                                          {"seconds", 0}});
    const auto& samples = seen.samples.at("kernel/latency");
    EXPECT_EQ(std::ssize(samples) - count_warmups(samples), 12) << block;
    EXPECT_EQ(count_warmups(samples), 5);
    EXPECT_EQ(seen.compared, 8) << block;
    // A sample lasts a millisecond or so; the blocks of this model take microseconds.
    EXPECT_GT(seen.samples.at("process/loops").at(0).value, 10);
    EXPECT_GT(*seen.metrics.at("kernel/latency").value, 0);
  }
}

TEST_F(TimedSuites, KernelsSayWhatTheyReadAndCompute) {
  const std::map<std::string, double> weights = {{"ffn", 3.0 * 32 * 48}, {"up", 32.0 * 48}};
  for (const auto& [block, numbers] : weights) {
    const Recording seen = run("kernel", {{"block", block}, {"batch", 2}});
    EXPECT_DOUBLE_EQ(*seen.metrics.at("step/touched_bytes").value, numbers * sizeof(float));
    EXPECT_DOUBLE_EQ(*seen.metrics.at("step/flops_per_token").value, 2 * numbers);
  }
  model_.get().layers()[0].ffn =
      std::make_unique<TellingFfn>(std::move(model_.get().layers()[0].ffn), 100.0);
  const Recording told = run("kernel", {{"block", "ffn"}, {"layer", 0}, {"batch", 2}});
  EXPECT_DOUBLE_EQ(*told.metrics.at("step/touched_bytes").value,
                   weights.at("ffn") * sizeof(float) + 100);
}

TEST_F(TimedSuites, KernelRefusesWhatTheModelHasNot) {
  EXPECT_THROW(run("kernel", {{"layer", 2}}), UserError);
  EXPECT_THROW(run("kernel", {{"block", "norm"}}), UserError);
}

// A router of 4 x 40, and 2 of 4 experts of 48 neurons a token, in both layers.
TEST_F(TimedSuites, AMixtureOfExpertsReadsTheExpertsThatATokenTakes) {
  Model mixture = Model::load(source_dir() / "tests" / "data" / "model" / "mixtral", {});
  const auto timed = [&](const std::string& kind, const Json& given) {
    Recording context(mixture);
    const SuiteKind& suite = registry_.get(kind);
    suite.run(context, Params(suite.info().params, given));
    return context;
  };
  const double block = 4.0 * 40 + 2 * 3.0 * 40 * 48;
  const Recording blocks = timed("ffn_decode", {{"measured_calls", 12}, {"warmup_calls", 2}});
  EXPECT_DOUBLE_EQ(*blocks.metrics.at("step/touched_bytes").value, 2 * block * sizeof(float));
  const Recording kernel = timed("kernel", {{"block", "ffn"}, {"layer", 1}, {"batch", 2}});
  EXPECT_DOUBLE_EQ(*kernel.metrics.at("step/flops_per_token").value, 2 * block);
  EXPECT_THROW(timed("kernel", {{"block", "gate"}}), UserError);
}

TEST(Counted, AsManyCallsAsPromised) {
  int calls = 0;
  run_counted([&] { ++calls; });
  EXPECT_EQ(calls, kCountedCalls + 2);
}

TEST_F(TimedSuites, WhatBlocksTellIsAddedUpTokenByToken) {
  for (Layer& layer : model_.get().layers()) {
    layer.ffn = std::make_unique<TellingFfn>(std::move(layer.ffn), 100.0);
  }
  const auto fixed = static_cast<double>(model_.get().cost().touched_bytes);
  const Recording seen = run("decode", {{"batch", 3}, {"prompt_tokens", 4}, {"new_tokens", 6}});
  const MetricValue& bytes = seen.metrics.at("step/touched_bytes");
  EXPECT_EQ(bytes.n, 3 * 5) << "decoded tokens, not those of the prompt";
  EXPECT_DOUBLE_EQ(*bytes.value, fixed + 300.0);
  EXPECT_DOUBLE_EQ(*seen.metrics.at("step/touched_bytes_p95").value, fixed + 300.0);
  EXPECT_EQ(seen.metrics.count("step/fallback_share"), 0U);
}

TEST_F(TimedSuites, RefuseMorePositionsThanTheModelSees) {
  EXPECT_THROW(run("prefill", {{"prompt_tokens", 41}}), UserError);
  EXPECT_THROW(run("decode", {{"prompt_tokens", 30}, {"new_tokens", 12}}), UserError);
  EXPECT_NO_THROW(
      run("decode", {{"prompt_tokens", 30}, {"new_tokens", 11}, {"measured_calls", 1}}));
  EXPECT_THROW(run("decode", {{"new_tokens", 1}}), UserError);
}

TEST_F(TimedSuites, TheTimedLoopDecodesWhatAWholePassWould) {
  const c10::InferenceMode inference;
  const Model& model = model_.get();
  const std::int64_t batch = 2, prompt_length = 5;
  at::Tensor all = synthetic_prompt(model, batch, prompt_length, 1);
  EXPECT_FALSE(all.equal(synthetic_prompt(model, batch, prompt_length, 2)));
  GreedyLoop loop(model, batch, 16);
  (void)loop.prefill(synthetic_prompt(model, batch, 3, 9));  // must leave nothing behind
  at::Tensor next = loop.prefill(all);
  for (int step = 0; step < 6; ++step) {
    const at::Tensor rows = model.hidden(all).view({batch, all.size(1), -1});
    const at::Tensor last = rows.select(1, all.size(1) - 1).contiguous();
    EXPECT_TRUE(next.equal(at::argmax(model.logits(last), 1, true))) << "step " << step;
    all = at::cat({all, next}, 1);
    next = loop.step(next);
  }
}

TEST(SampleSummaries, SayWhyThereIsNoValue) {
  const MetricValue metric = median_metric("x", {});
  EXPECT_FALSE(metric.value.has_value());
  EXPECT_FALSE(metric.null_reason.empty());
  EXPECT_FALSE(rate_metric("x", {}, 2).value.has_value());
}

}  // namespace
}  // namespace assay
