// Gradients against finite differences of a loss that is computed another way, on small models of
// several families.

#include "harness/contextual/evidence.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/contextual/contextual_fixture.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"

namespace assay {
namespace {

constexpr std::int64_t kTokens = 11, kContext = 4;

at::Tensor some_tokens() { return at::arange(kTokens, at::kLong).mul(7).add(3).remainder(60); }

/// A part of the tokens, with holes.
at::Tensor some_positions() {
  const at::Tensor index = at::arange(kTokens, at::kLong);
  return index.ge(kContext).logical_and(index.remainder(4).ne(2));
}

/// Out of the logits of a whole pass, in f64.
double plain_loss(const Model& model, const at::Tensor& tokens, const at::Tensor& scored) {
  const at::NoGradGuard guard;
  const at::Tensor logits = model.logits(model.hidden(tokens.unsqueeze(0)));
  const at::Tensor all = at::log_softmax(logits.to(at::kDouble), 1);
  double sum = 0, count = 0;
  for (std::int64_t i = 1; i < tokens.size(0); ++i) {
    if (!scored[i].item<bool>()) continue;
    sum -= all[i - 1][tokens[i].item<std::int64_t>()].item<double>();
    ++count;
  }
  return sum / count;
}

/// Adds something to what a linear block gets, or to what it gives.
class Moved final : public Linear {
 public:
  Moved(std::unique_ptr<Linear> inner, at::Tensor input, at::Tensor output)
      : inner_(std::move(inner)), input_(std::move(input)), output_(std::move(output)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override {
    const at::Tensor result = inner_->forward(input_.defined() ? rows.add(input_) : rows);
    return output_.defined() ? result.add(output_) : result;
  }
  [[nodiscard]] std::int64_t in_features() const override { return inner_->in_features(); }
  [[nodiscard]] std::int64_t out_features() const override { return inner_->out_features(); }
  [[nodiscard]] std::unique_ptr<Linear> share() const override {
    return std::make_unique<Moved>(inner_->share(), input_, output_);
  }
  void visit_tensors(const VisitTensor& visit) override { inner_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return inner_->cost(); }

 private:
  std::unique_ptr<Linear> inner_;
  at::Tensor input_, output_;
};

/// Where a model is moved.
struct Place {
  std::int64_t layer;
  Slot slot;
  enum class What { kInput, kOutput, kWeight } what;
};

void move(Model& model, const Place& place, const at::Tensor& by) {
  const at::NoGradGuard guard;
  Layer& layer = model.layers()[static_cast<std::size_t>(place.layer)];
  if (place.what == Place::What::kWeight) {
    layer.dense(place.slot).weight().add_(by);
    return;
  }
  const bool input = place.what == Place::What::kInput;
  layer.replace_linear(
      place.slot, std::make_unique<Moved>(layer.linear(place.slot).share(),
                                          input ? by : at::Tensor(), input ? at::Tensor() : by));
}

class Evidence : public testing::TestWithParam<const char*> {
 protected:
  Evidence() : model_(load_golden(GetParam())) {}

  [[nodiscard]] SequenceEvidence collect(EvidenceKind kind) const {
    return EvidenceSource(model_).collect(tokens_, scored_, kind);
  }
  /// Moves the model by a part `share` of `value` along `gradient`, unevenly, there and back, and
  /// compares the slope of `of_model` with what the gradient says.
  template <typename OfModel>
  void expect_slope(const Place& place, const at::Tensor& value, const at::Tensor& gradient,
                    OfModel of_model, double share, double tolerance, const std::string& what) {
    const at::Tensor uneven = gradient.mul(at::rand_like(gradient).mul(2));
    const at::Tensor direction = uneven.div(uneven.norm());
    const double step = share * value.norm().item<double>();
    const auto moved = [&](double by) {
      Model model = model_.clone();
      move(model, place, direction.mul(by));
      return of_model(model);
    };
    const double slope = (moved(step) - moved(-step)) / (2 * step);
    const double expected = gradient.mul(direction).sum().item<double>();
    EXPECT_NEAR(slope, expected, tolerance * std::abs(expected)) << what;
  }
  void expect_loss_slope(const Place& place, const at::Tensor& value, const at::Tensor& gradient,
                         const std::string& what) {
    expect_slope(
        place, value, gradient,
        [&](const Model& model) { return plain_loss(model, tokens_, scored_); }, 0.01, 0.03,
        what + " of layer " + std::to_string(place.layer));
  }

  Model model_;
  at::Tensor tokens_ = some_tokens(), scored_ = some_positions();
};

TEST_P(Evidence, LossAndActivationsAreThoseOfAPass) {
  const SequenceEvidence gradients = collect(EvidenceKind::kGradient);
  const SequenceEvidence forward = collect(EvidenceKind::kForward);
  EXPECT_NEAR(*gradients.loss, plain_loss(model_, tokens_, scored_), 1e-5);
  EXPECT_FALSE(forward.loss.has_value());
  for (std::size_t i = 0; i < forward.layers.size(); ++i) {
    const LayerEvidence &a = forward.layers[i], &b = gradients.layers[i];
    EXPECT_LT(relative_error(a.context, b.context), 1e-5) << i;
    EXPECT_LT(relative_error(a.pre_activation, b.pre_activation), 1e-5) << i;
    EXPECT_LT(relative_error(a.post_activation, b.post_activation), 1e-5) << i;
    EXPECT_FALSE(a.context_gradient.defined() || !a.weights.empty());
    EXPECT_EQ(a.heads, model_.spec().layer(static_cast<std::int64_t>(i)).heads);
    EXPECT_EQ(a.pre_activation.size(1), a.neurons);
  }
}

TEST_P(Evidence, GradientsEqualFiniteDifferences) {
  using What = Place::What;
  const SequenceEvidence evidence = collect(EvidenceKind::kGradient);
  const bool gated = model_.spec().ffn_gated;
  for (const LayerEvidence& e : evidence.layers) {
    expect_loss_slope({e.layer, Slot::kO, What::kInput}, e.context, e.context_gradient, "context");
    expect_loss_slope({e.layer, Slot::kO, What::kOutput}, e.context, e.attention_gradient,
                      "attention's output");
    expect_loss_slope({e.layer, gated ? Slot::kGate : Slot::kUp, What::kOutput}, e.pre_activation,
                      e.pre_activation_gradient, "pre-activation");
    ASSERT_EQ(e.weights.size(), gated ? 2U : 1U);
    for (std::size_t i = 0; i < e.weights.size(); ++i) {
      const Slot slot = gated && i == 0 ? Slot::kGate : Slot::kUp;
      expect_loss_slope({e.layer, slot, What::kWeight}, e.weights[i].weight, e.weights[i].gradient,
                        slot_name(slot));
    }
  }
}

/// sum over layers of mean(g0 * g) + mean(G0 * G), with g0 and G0 of `held`.
double squared_gradients(const SequenceEvidence& held, const SequenceEvidence& now) {
  const auto product = [](const at::Tensor& a, const at::Tensor& b) {
    return a.to(at::kDouble).mul(b).sum().item<double>();
  };
  double sum = 0;
  for (std::size_t i = 0; i < held.layers.size(); ++i) {
    const LayerEvidence &a = held.layers[i], &b = now.layers[i];
    sum += product(a.context_gradient, b.context_gradient) /
           static_cast<double>(a.context_gradient.numel());
    double weights = 0, entries = 0;
    for (std::size_t j = 0; j < a.weights.size(); ++j) {
      weights += product(a.weights[j].gradient, b.weights[j].gradient);
      entries += static_cast<double>(a.weights[j].gradient.numel());
    }
    sum += weights / entries;
  }
  return sum;
}

TEST_P(Evidence, CurvatureEqualsFiniteDifferencesOfGradients) {
  if (model_.spec().activation == ActivationKind::kRelu) {
    GTEST_SKIP() << "gradients of ReLU jump";
  }
  const SequenceEvidence evidence = collect(EvidenceKind::kCurvature);
  for (const LayerEvidence& e : evidence.layers) {
    expect_slope(
        {e.layer, Slot::kO, Place::What::kInput}, e.context, e.context_curvature,
        [&](const Model& moved) {
          return squared_gradients(
              evidence, EvidenceSource(moved).collect(tokens_, scored_, EvidenceKind::kGradient));
        },
        0.003, 0.03, "curvature of layer " + std::to_string(e.layer));
  }
}

TEST_P(Evidence, CurvatureHoldsTheSameGradients) {
  const SequenceEvidence once = collect(EvidenceKind::kGradient);
  const SequenceEvidence twice = collect(EvidenceKind::kCurvature);
  EXPECT_NEAR(*once.loss, *twice.loss, 1e-5);
  for (std::size_t i = 0; i < once.layers.size(); ++i) {
    const LayerEvidence &a = once.layers[i], &b = twice.layers[i];
    EXPECT_LT(relative_error(a.context_gradient, b.context_gradient), 1e-4) << i;
    EXPECT_LT(relative_error(a.weights[0].gradient, b.weights[0].gradient), 1e-4) << i;
    EXPECT_FALSE(a.context_curvature.defined());
    EXPECT_FALSE(b.context_curvature.requires_grad() || b.context.requires_grad());
  }
  EXPECT_TRUE(at::globalContext().userEnabledFlashSDP());
}

TEST_P(Evidence, TheModelStaysAsItIs) {
  const std::string hash = model_.content_hash();
  {
    const c10::InferenceMode inference;  // callers may be in any mode
    (void)collect(EvidenceKind::kCurvature);
  }
  {
    const at::NoGradGuard guard;
    const SequenceEvidence evidence = collect(EvidenceKind::kGradient);
    const at::Tensor& weight = evidence.layers[0].weights.back().weight;
    EXPECT_EQ(weight.const_data_ptr(),
              model_.layers()[0].dense(Slot::kUp).weight().const_data_ptr())
        << "weights are shared, not copied";
  }
  EXPECT_EQ(model_.content_hash(), hash);
  for (const Parameter& parameter : model_.parameters()) {
    EXPECT_FALSE(parameter.tensor.requires_grad()) << parameter.name;
    EXPECT_FALSE(parameter.tensor.grad().defined()) << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Evidence,
                         testing::Values("opt", "opt_350m", "llama_gqa", "mistral_window",
                                         "gpt_neox", "gpt2", "falcon_7b", "falcon_40b", "bloom"),
                         [](const auto& test) { return std::string(test.param); });

TEST(EvidencePositions, AreAnswersOrText) {
  const auto positions = [](const at::Tensor& scored) { return scored.nonzero().squeeze(1); };
  EXPECT_TRUE(at::equal(positions(answer_positions(5, 3)), at::arange(3, 5, at::kLong)));
  EXPECT_TRUE(at::equal(positions(text_positions(4)), at::arange(1, 4, at::kLong)));
  EXPECT_THROW((void)answer_positions(4, 0), std::logic_error);
  EXPECT_THROW((void)answer_positions(4, 4), std::logic_error);
}

TEST(EvidenceErrors, ShapesThatDoNotFitAreRefused) {
  const Model model = load_golden("opt");
  const EvidenceSource source(model);
  const auto collect = [&](const at::Tensor& tokens, const at::Tensor& scored) {
    (void)source.collect(tokens, scored, EvidenceKind::kForward);
  };
  const at::Tensor tokens = some_tokens(), scored = some_positions();
  EXPECT_THROW(collect(tokens.unsqueeze(0), scored), std::logic_error);
  EXPECT_THROW(collect(tokens, scored.narrow(0, 0, 3)), std::logic_error);
  EXPECT_THROW(collect(tokens, at::zeros_like(scored)), std::logic_error);
  EXPECT_THROW(collect(tokens, at::zeros_like(scored).logical_not()), std::logic_error);
}

TEST(EvidenceErrors, AnEncoderDoesNotApply) {
  const Model model = Model::load(encoder_folder() / "bert_classifier", {});
  EXPECT_THROW(EvidenceSource{model}, DoesNotApply);
}

/// Tells nothing, as blocks of methods may.
class Silent final : public Ffn {
 public:
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext&) const override {
    return rows.mul(0.5);
  }
  [[nodiscard]] Linear* linear(Slot) const override { return nullptr; }
  void replace_linear(Slot, std::unique_ptr<Linear>) override {}
  [[nodiscard]] std::unique_ptr<Ffn> share() const override { return std::make_unique<Silent>(); }
  void visit_tensors(const VisitTensor&) override {}
  [[nodiscard]] Cost cost() const override { return {}; }
};

TEST(EvidenceErrors, ABlockThatShowsNothingDoesNotApply) {
  Model model = load_golden("opt");
  model.layers()[1].ffn = std::make_unique<Silent>();
  const EvidenceSource source(model);
  for (const EvidenceKind kind : {EvidenceKind::kForward, EvidenceKind::kGradient}) {
    try {
      (void)source.collect(some_tokens(), some_positions(), kind);
      FAIL() << "a block that shows nothing has evidence";
    } catch (const DoesNotApply& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("FFN of layer 1"));
    }
  }
}

TEST(EvidenceOfMissingBlocks, HasNoScores) {
  Model model = load_golden("llama_gqa");
  model.layers()[0].attention = nullptr;
  model.layers()[1].ffn = nullptr;
  const SequenceEvidence evidence =
      EvidenceSource(model).collect(some_tokens(), some_positions(), EvidenceKind::kCurvature);
  const Criterion& grasp = criterion_of("grasp");
  EXPECT_EQ(head_scores(grasp, evidence.layers[0]).numel(), 0);
  EXPECT_GT(neuron_scores(grasp, evidence.layers[0]).numel(), 0);
  EXPECT_GT(head_scores(grasp, evidence.layers[1]).numel(), 0);
  EXPECT_EQ(neuron_scores(grasp, evidence.layers[1]).numel(), 0);
}

// In bfloat16 the pass and its derivatives are rounded; scores are roughly those of fp32.
TEST(EvidenceInBfloat16, GivesScoresNearThoseOfFp32) {
  const auto scores_of = [](at::ScalarType dtype) {
    const Model model = load_golden("opt", dtype);
    const SequenceEvidence evidence =
        EvidenceSource(model).collect(some_tokens(), some_positions(), EvidenceKind::kGradient);
    EXPECT_EQ(evidence.layers[0].context.scalar_type(), dtype);
    return neuron_scores(criterion_of("plainact"), evidence.layers[0]);
  };
  EXPECT_LT(relative_error(scores_of(at::kBFloat16), scores_of(at::kFloat)), 0.1);
}

}  // namespace
}  // namespace assay
