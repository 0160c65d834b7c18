#include "harness/worker/probe.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "harness/method/tiny_model.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/wrapped.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

class Probe : public ::testing::Test {
 protected:
  static Model tiny(TinyFamily family) {
    const fs::path folder = fs::path(::testing::TempDir()) / "probe_test";
    fs::remove_all(folder);
    write_tiny_model(folder, family, 3);
    return Model::load(folder, {});
  }
};

/// A model whose input runs two sequences as one has no pass for each: the batch runs once more.
TEST_F(Probe, OfAModelThatMixesSequencesIsTheBatchAgain) {
  Model model = Model::load(encoder_folder() / "bert_classifier", {});
  const std::int64_t width = model.spec().width;
  EXPECT_STREQ(other_path(model).name, "running each sequence by itself");
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(2);
  const auto embedding = dynamic_cast<const EmbeddingInput&>(model.input());
  model.replace_input(std::make_unique<mux::MuxInput>(
      embedding,
      std::make_unique<mux::HadamardMultiplexer>(mux::gaussian_keys(2, width, 4, generator)),
      mux::MuxForm{}));
  model.replace_output(
      std::make_unique<mux::MuxClassifier>(
          std::make_unique<mux::IndexDemultiplexer>(
              mux::start_index_demux(2, width, 3, 0.2, 1e-12, generator)),
          DenseLinear(at::empty({3, width}).normal_(0, 0.2, generator), at::zeros({3}))),
      {.kind = OutputKind::kClassifier, .classes = 3, .labels = {}});
  const PassProbe pass = probe_pass(model);
  EXPECT_EQ(pass.fingerprint.values.size(), 2U * 3U);
  const OtherPath path = other_path(model);
  EXPECT_STREQ(path.name, "running the batch once more");
  EXPECT_EQ(fingerprint_distance(pass.fingerprint, path.probe(model, pass.decisions).fingerprint),
            0);
}

TEST_F(Probe, AgreesBetweenPassAndDecodeForBothFamilies) {
  for (const TinyFamily family : {TinyFamily::kLlama, TinyFamily::kOpt}) {
    Model model = tiny(family);
    const PassProbe pass = probe_pass(model);
    const SettledProbe decode = probe_decode(model, pass.decisions);
    EXPECT_LE(fingerprint_distance(pass.fingerprint, decode.fingerprint),
              fingerprint_tolerance("fp32"));
    EXPECT_EQ(decode.changed_decisions, 0);
    EXPECT_GT(fingerprint_distance(pass.fingerprint, {std::vector<double>(64, 0.0)}), 0.5);
  }
}

/// Doubles the rows that it decides to double: those whose mean lies above an edge. Decoding sees
/// the edge moved by `tilt`, as rounding would move it.
class DecidingFfn final : public WrappedFfn {
 public:
  DecidingFfn(std::unique_ptr<Ffn> inner, double tilt)
      : WrappedFfn(std::move(inner)), tilt_(tilt) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const double edge = step.cache != nullptr ? tilt_ : 0.0;
    at::Tensor above = rows.gt(edge).select(1, 0).unsqueeze(1);
    if (step.routing != nullptr) above = step.routing->settle(step, RoutingSite::kNeurons, above);
    return inner().forward(rows, step).mul(above.add(1));
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<DecidingFfn>(std::move(inner), tilt_);
  }

 private:
  double tilt_;
};

TEST_F(Probe, DecisionsAreSettledForTheComparisonAndTheirChangesCounted) {
  for (const double tilt : {0.0, 0.5, 1000.0}) {
    Model model = tiny(TinyFamily::kLlama);
    for (Layer& layer : model.layers()) {
      layer.ffn = std::make_unique<DecidingFfn>(std::move(layer.ffn), tilt);
    }
    const PassProbe pass = probe_pass(model);
    const SettledProbe decode = probe_decode(model, pass.decisions);
    EXPECT_LE(fingerprint_distance(pass.fingerprint, decode.fingerprint),
              fingerprint_tolerance("fp32"))
        << tilt;
    double chosen = 0;
    for (const auto& [place, layer] : pass.decisions) {
      chosen +=
          layer.to(at::kFloat).mean().item<double>() / static_cast<double>(pass.decisions.size());
    }
    if (tilt == 0.5) {
      EXPECT_GT(decode.changed_decisions, fingerprint_tolerance("fp32"));
    } else {
      // Nothing is above the highest edge.
      EXPECT_NEAR(decode.changed_decisions, tilt == 0 ? 0 : chosen, 1e-6);
    }
  }
}

/// What a prompt gets is another computation, on purpose; steps and scoring passes get the block.
class PromptPolicyFfn final : public WrappedFfn {
 public:
  explicit PromptPolicyFfn(std::unique_ptr<Ffn> inner) : WrappedFfn(std::move(inner)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const bool prompt = step.phase == Phase::kPrefill;
    return prompt ? at::zeros_like(rows) : inner().forward(rows, step);
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<PromptPolicyFfn>(std::move(inner));
  }
  bool prefill_equals_decode() const override { return false; }
};

constexpr const char* kEncoders[] = {"bert_classifier", "bert_model", "bert_mlm"};

Model encoder(const std::string& name) { return Model::load(encoder_folder() / name, {}); }

TEST_F(Probe, OfAnEncoderComparesPackedSequencesWithThemselvesAlone) {
  for (const char* name : kEncoders) {
    Model model = encoder(name);
    const PassProbe pass = probe_pass(model);
    const auto outputs =
        static_cast<std::size_t>(std::min<std::int64_t>(32, model.output().outputs()));
    EXPECT_EQ(pass.fingerprint.values.size(), 2 * outputs) << name;
    const OtherPath path = other_path(model);
    EXPECT_STREQ(path.name, "running each sequence by itself");
    EXPECT_LE(fingerprint_distance(pass.fingerprint, path.probe(model, pass.decisions).fingerprint),
              fingerprint_tolerance("fp32"))
        << name;
    model.layers()[1].dense(Slot::kDown).weight().mul_(1.1);
    EXPECT_GT(fingerprint_distance(pass.fingerprint, probe_pass(model).fingerprint), 1e-3) << name;
  }
  EXPECT_STREQ(other_path(tiny(TinyFamily::kOpt)).name, "decoding step by step");
}

/// Sequences of an encoder's packed pass see their neighbours.
class LeakingAttention final : public WrappedAttention {
 public:
  explicit LeakingAttention(std::unique_ptr<Attention> inner)
      : WrappedAttention(std::move(inner)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    return inner().forward(rows, step).add(rows.sum(0, true).mul(0.1));
  }
  std::unique_ptr<Attention> wrap(std::unique_ptr<Attention> inner) const override {
    return std::make_unique<LeakingAttention>(std::move(inner));
  }
};

TEST_F(Probe, OfAnEncoderFindsSequencesThatSeeEachOther) {
  Model model = encoder("bert_classifier");
  Layer& layer = model.layers()[0];
  layer.attention = std::make_unique<LeakingAttention>(std::move(layer.attention));
  const PassProbe pass = probe_pass(model);
  EXPECT_GT(
      fingerprint_distance(pass.fingerprint, probe_one_by_one(model, pass.decisions).fingerprint),
      1e-2);
}

TEST_F(Probe, DecisionsOfAnEncoderAreSettledSequenceBySequence) {
  Model model = encoder("bert_classifier");
  for (Layer& layer : model.layers()) {
    layer.ffn = std::make_unique<DecidingFfn>(std::move(layer.ffn), 0.0);
  }
  const PassProbe pass = probe_pass(model);
  ASSERT_EQ(pass.decisions.size(), 2U);
  EXPECT_EQ(pass.decisions.begin()->second.sizes(), (std::vector<std::int64_t>{1, 27, 1}));
  const SettledProbe same = probe_one_by_one(model, pass.decisions);
  EXPECT_EQ(same.changed_decisions, 0);
  EXPECT_LE(fingerprint_distance(pass.fingerprint, same.fingerprint),
            fingerprint_tolerance("fp32"));
  ProbeDecisions turned = pass.decisions;
  // Those of the last layer only: no other decision rests on them.
  at::Tensor& last = turned.rbegin()->second;
  last = last.logical_not();
  EXPECT_EQ(probe_one_by_one(model, turned).changed_decisions, 0.5);
}

TEST_F(Probe, OfAMethodWithAPolicyForPromptsGoesTokenByToken) {
  Model model = tiny(TinyFamily::kLlama);
  for (Layer& layer : model.layers()) {
    layer.ffn = std::make_unique<PromptPolicyFfn>(std::move(layer.ffn));
  }
  const PassProbe pass = probe_pass(model);
  EXPECT_LE(fingerprint_distance(pass.fingerprint, probe_decode(model, pass.decisions).fingerprint),
            fingerprint_tolerance("fp32"));
}

}  // namespace
}  // namespace assay
