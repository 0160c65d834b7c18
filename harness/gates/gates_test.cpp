// Gates against values of CoFi's released L0 module and of formulas beside it
// (tests/data/gates/cofi_gates.json), and against counts by hand.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Generator.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "harness/base/json.h"
#include "harness/gates/gate_set.h"
#include "harness/gates/gate_sizes.h"
#include "harness/gates/hard_concrete.h"
#include "harness/gates/lagrangian.h"
#include "harness/train/adamw.h"
#include "tests/support/build_paths.h"
#include "tests/support/formula.h"

namespace assay::gates {
namespace {

const Json& goldens() {
  static const Json kGoldens =
      Json::parse(std::ifstream(source_dir() / "tests" / "data" / "gates" / "cofi_gates.json"));
  return kGoldens;
}

constexpr GateShape kBertBase{.layers = 12, .heads = 12, .width = 768, .neurons = 3072};
constexpr GateShape kMiniLm{.layers = 6, .heads = 12, .width = 384, .neurons = 1536};

GateShape shape_of(const Json& model) {
  return model.at("model") == "BERT-base" ? kBertBase : kMiniLm;
}

/// The logits that a case was made with.
GateSet logits_of(const Json& model) {
  const GateShape shape = shape_of(model);
  const Json& base = model.at("base");
  if (base.is_string()) {
    const auto open = [](at::IntArrayRef sizes) {
      return at::full(sizes, kLargestLogit, at::kFloat);
    };
    return {open({shape.layers}), open({shape.layers, shape.heads}), open({shape.layers}),
            open({shape.layers, shape.neurons}), open({shape.width})};
  }
  const auto mean = [&](const char* name) { return base.at(name).get<double>(); };
  return {.attention = mean("head_layer") + formula(1, shape.layers, 0, 1.1, 2, .5)[0],
          .heads = mean("head") + formula(shape.layers, shape.heads, .9, .31, 2, .2),
          .ffn = mean("mlp") + formula(1, shape.layers, 0, .9, 2, .7)[0],
          .neurons = mean("intermediate") + formula(shape.layers, shape.neurons, .7, .013, 2, .3),
          .width = mean("hidden") + formula(1, shape.width, 0, .37, 2.5, .1)[0]};
}

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

TEST(HardConcrete, ProbabilitiesAndSoftValuesAreThoseOfTheTable) {
  for (const Json& row : goldens().at("scalar")) {
    const at::Tensor logit = at::tensor({row.at("loga").get<double>()}, at::kFloat);
    EXPECT_NEAR(number(open_probability(logit)), row.at("p_open").get<double>(), 1e-6);
    EXPECT_NEAR(number(soft_gates(logit)), row.at("soft").get<double>(), 1e-6);
  }
}

TEST(HardConcrete, SamplesAreThoseOfTheTable) {
  for (const Json& row : goldens().at("sample")) {
    const at::Tensor gate = sampled_gates(at::tensor({row[1].get<double>()}, at::kFloat),
                                          at::tensor({row[0].get<double>()}, at::kFloat));
    EXPECT_NEAR(number(gate), row[2].get<double>(), 1e-5);
  }
}

/// As many draws are open as P says, within three standard deviations.
TEST(HardConcrete, DrawsAreOpenAsOftenAsTheirProbability) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  constexpr std::int64_t kDraws = 1'000'000;
  for (const double logit : {-4.0, -1.598597, 0.0, 2.0}) {
    const at::Tensor logits = at::full({kDraws}, logit, at::kFloat);
    GateSet set{logits, logits.view({1, -1}), logits, logits.view({1, -1}), {}};
    const double open = number(sampled(set, generator).neurons.gt(0).sum()) / kDraws;
    const double expected = number(open_probability(logits[0]));
    EXPECT_NEAR(open, expected, 3 * std::sqrt(expected * (1 - expected) / kDraws)) << logit;
  }
}

TEST(HardConcrete, LogitsAreKeptWithinTheirRange) {
  at::Tensor logits = at::tensor({-9.0, 1.0, 10.0}, at::kFloat).requires_grad_(true);
  clamp_logits(logits);
  EXPECT_NEAR(number(logits[0].detach()), std::log(0.01), 1e-6);
  EXPECT_EQ(number(logits[1].detach()), 1);
  EXPECT_NEAR(number(logits[2].detach()), std::log(100), 1e-6);
}

class ModelCase : public testing::TestWithParam<std::size_t> {
 protected:
  const Json& golden_ = goldens().at("models").at(GetParam());
  GateShape shape_ = shape_of(golden_);
  GateSet logits_ = logits_of(golden_);

  [[nodiscard]] double golden(const char* name) const { return golden_.at(name).get<double>(); }
};

TEST_P(ModelCase, ExpectedSizesAreThoseOfTheReleasedModule) {
  EXPECT_EQ(prunable_parameters(shape_), golden("prunable"));
  const GateSet open = open_probabilities(logits_);
  const double hidden = golden("expected_size_hidden_float64");
  EXPECT_NEAR(number(expected_parameters(shape_, open)), hidden, 1e-6 * hidden);
  EXPECT_NEAR(number(expected_sparsity(shape_, open)), golden("expected_sparsity"), 1e-6);
  GateSet without = open;
  without.width.reset();
  const double no_hidden = golden("expected_size_no_hidden");
  EXPECT_NEAR(number(expected_parameters(shape_, without)), no_hidden, 1e-6 * no_hidden);
}

TEST_P(ModelCase, SettledGatesKeepWhatTheReleasedModuleKeeps) {
  const GateSet gates = settled(logits_);
  const Json& kept = golden_.at("kept");
  EXPECT_EQ(number(gates.width.gt(0).sum()), kept.at("hidden").get<double>());
  for (std::int64_t l = 0; l < shape_.layers; ++l) {
    const auto layer = static_cast<std::size_t>(l);
    EXPECT_EQ(number(gates.heads[l].gt(0).sum()), kept.at("heads")[layer].get<double>());
    EXPECT_EQ(number(gates.neurons[l].gt(0).sum()), kept.at("intermediate")[layer].get<double>());
    EXPECT_EQ(number(gates.attention[l].gt(0)), kept.at("head_layers")[layer].get<double>());
    EXPECT_EQ(number(gates.ffn[l].gt(0)), kept.at("mlp_layers")[layer].get<double>());
  }
  const KeptUnits units = kept_units(shape_, gates);
  EXPECT_EQ(remaining_weights(shape_, units), golden("remaining_params"));
  EXPECT_NEAR(1 - static_cast<double>(remaining_weights(shape_, units)) /
                      static_cast<double>(prunable_parameters(shape_)),
              golden("reported_sparsity"), 1e-8);
  const Json& first = golden_.at("z_first");
  const auto expect_first = [&](const at::Tensor& values, const char* name) {
    for (std::size_t i = 0; i < first.at(name).size(); ++i) {
      EXPECT_NEAR(number(values[static_cast<std::int64_t>(i)]), first.at(name)[i].get<double>(),
                  1e-6)
          << name << " " << i;
    }
  };
  expect_first(gates.width, "hidden");
  expect_first(gates.attention, "head_layer");
  expect_first(gates.ffn, "mlp");
  expect_first(gates.heads[0], "head_layer0");
}

TEST_P(ModelCase, TheLagrangianAndItsGradientsAreThoseOfTheReleasedModule) {
  for (const Json& row : golden_.at("lagrangian")) {
    const SparsityTarget target{row.at("target").get<double>(),
                                row.at("warmup").get<std::int64_t>()};
    const double now = target.at_step(row.at("step").get<std::int64_t>());
    EXPECT_NEAR(now, row.at("target_now").get<double>(), 1e-12);
    GateSet logits;
    for (std::size_t i = 0; i < 5; ++i) {
      *logits.all()[i] = logits_.all()[i]->clone().requires_grad_(true);
    }
    Multipliers multipliers{
        at::tensor(row.at("lambda1").get<double>(), at::kFloat).requires_grad_(true),
        at::tensor(row.at("lambda2").get<double>(), at::kFloat).requires_grad_(true)};
    const at::Tensor loss =
        lagrangian(expected_sparsity(shape_, open_probabilities(logits)), now, multipliers);
    EXPECT_NEAR(number(loss.detach()), row.at("loss").get<double>(), 2e-6);
    loss.backward();
    const auto expect_gradient = [&](const at::Tensor& gradient, const char* name) {
      const double expected = row.at(name).get<double>();
      EXPECT_NEAR(number(gradient), expected, 1e-4 * std::abs(expected) + 1e-12) << name;
    };
    expect_gradient(logits.width.grad()[0], "grad_hidden_0");
    expect_gradient(logits.heads.grad()[0][0], "grad_head_00");
    expect_gradient(logits.neurons.grad()[0][0], "grad_int_00");
    EXPECT_NEAR(number(multipliers.linear.grad()), row.at("grad_lambda")[0].get<double>(), 2e-6);
    EXPECT_NEAR(number(multipliers.quadratic.grad()), row.at("grad_lambda")[1].get<double>(), 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Released, ModelCase,
                         testing::Range(std::size_t{0}, goldens().at("models").size()));

/// Gates of MiniLM that nothing but the Lagrangian drives: it overshoots, and settles at the
/// target.
TEST(Lagrangian, DrivesTheSparsityAsTheReleasedTraining) {
  const auto leaf = [](const at::Tensor& value) { return value.clone().requires_grad_(true); };
  GateSet logits{leaf(at::full({6}, kLargestLogit, at::kFloat)),
                 leaf(at::full({6, 12}, kLargestLogit, at::kFloat)),
                 leaf(at::full({6}, kLargestLogit, at::kFloat)),
                 leaf(at::zeros({6, 1536}, at::kFloat)),
                 leaf(at::full({384}, kLargestLogit, at::kFloat))};
  Multipliers multipliers = start_multipliers();
  std::vector<TrainedTensor> trained;
  for (at::Tensor* tensor : logits.all()) {
    trained.push_back({.name = std::to_string(trained.size()), .tensor = *tensor});
  }
  trained.push_back({.name = "linear", .tensor = multipliers.linear, .rate_factor = -1});
  trained.push_back({.name = "quadratic", .tensor = multipliers.quadratic, .rate_factor = -1});
  AdamW optimizer(trained, {});
  const SparsityTarget target{.target = 0.6, .warmup = 50};
  std::map<std::int64_t, Json> expected;
  for (const Json& row : goldens().at("controller").at("trajectory")) {
    expected[row.at("step").get<std::int64_t>()] = row;
  }
  const std::int64_t last = expected.rbegin()->first;
  for (std::int64_t step = 0; step <= last; ++step) {
    const at::Tensor sparsity = expected_sparsity(kMiniLm, open_probabilities(logits));
    const at::Tensor loss = lagrangian(sparsity, target.at_step(step), multipliers);
    if (const auto row = expected.find(step); row != expected.end()) {
      const auto golden = [&](const char* name) { return row->second.at(name).get<double>(); };
      EXPECT_NEAR(number(sparsity.detach()), golden("expected_sparsity"), 1e-3) << step;
      EXPECT_NEAR(number(multipliers.linear.detach()), golden("lambda1"), 5e-3) << step;
      EXPECT_NEAR(number(multipliers.quadratic.detach()), golden("lambda2"), 5e-3) << step;
    }
    optimizer.clear_gradients();
    loss.backward();
    optimizer.step(0.1);
    for (at::Tensor* tensor : logits.all()) clamp_logits(*tensor);
  }
}

TEST(GateSizes, AreThoseOfThePaper) {
  EXPECT_EQ(prunable_parameters(kBertBase), 85'017'600);
  EXPECT_EQ(prunable_parameters(kMiniLm), 10'637'568);
  const auto one = [](const GateShape& s) {
    return GateSet{at::ones({s.layers}), at::ones({s.layers, s.heads}), at::ones({s.layers}),
                   at::ones({s.layers, s.neurons}), at::ones({s.width})};
  };
  // All gates open: without the biases of the FFN, as released.
  EXPECT_EQ(number(expected_parameters(kMiniLm, one(kMiniLm))), 10'626'048);
  EXPECT_NEAR(number(expected_parameters(kBertBase, one(kBertBase))), 84'971'520, 8);
  GateSet without = one(kBertBase);
  without.width.reset();
  EXPECT_NEAR(number(expected_parameters(kBertBase, without)), 85'008'384, 8);
  // Nothing is left out of a model of which all is left.
  const KeptUnits all = kept_units(kBertBase, one(kBertBase));
  EXPECT_EQ(remaining_weights(kBertBase, all), 84'934'656);
  EXPECT_EQ(remaining_parameters(kBertBase, all), 85'017'600);
  EXPECT_EQ(exact_parameters(kBertBase), 85'017'600);
  const GateShape narrow{.layers = 2, .heads = 4, .width = 32, .neurons = 64};
  EXPECT_EQ(exact_parameters(narrow),
            remaining_parameters(narrow, kept_units(narrow, one(narrow))));
}

TEST(GateSizes, ASubLayerWithoutUnitsIsGone) {
  GateSet gates{at::tensor({1.0, 1.0}),
                at::tensor({0.0, 0.0, 1.0, 0.5}).view({2, 2}),
                at::tensor({0.0, 1.0}),
                at::tensor({1.0, 1.0, 1.0, 0.0}).view({2, 2}),
                {}};
  const GateShape shape{.layers = 2, .heads = 2, .width = 4, .neurons = 2};
  const KeptUnits kept = kept_units(shape, gates);
  EXPECT_THAT(kept.heads, testing::ElementsAre(0, 2));
  EXPECT_THAT(kept.neurons, testing::ElementsAre(0, 1));
  // o and q, k, v of two heads; one neuron; their biases.
  EXPECT_EQ(remaining_weights(shape, kept), 4 * (2 * 4 * 2 + 1 * 2));
  EXPECT_EQ(remaining_parameters(shape, kept), remaining_weights(shape, kept) + 12 + 4 + 1 + 4);
}

TEST(GateSet, StartsOpenButForNeurons) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const GateSet logits = start_logits(kMiniLm, true, generator);
  EXPECT_NEAR(number(logits.heads.detach().mean()), 10, 0.01);
  EXPECT_NEAR(number(logits.neurons.detach().std()), 0.01, 1e-3);
  // 16.8 % of the neurons are expected to be closed at once.
  EXPECT_NEAR(1 - number(open_probability(logits.neurons).detach().mean()), 0.168, 1e-3);
  EXPECT_FALSE(start_logits(kMiniLm, false, generator).width.defined());
}

/// The end of the range by hand: one head of 32 dimensions; and open gates as the released code has
/// them.
TEST(ReachableSparsity, EndsWhereNetworksEnd) {
  const SparsityRange whole = reachable_sparsity(kMiniLm, false);
  EXPECT_NEAR(whole.high, 1 - 4.0 * 32 * 384 / 10637568, 1e-9);
  const SparsityRange narrow = reachable_sparsity(kMiniLm, true);
  EXPECT_NEAR(narrow.low, goldens().at("models")[0].at("expected_sparsity").get<double>(), 1e-5);
  EXPECT_GT(narrow.high, 0.9998);
  EXPECT_LT(narrow.high, 1);
}

}  // namespace
}  // namespace assay::gates
