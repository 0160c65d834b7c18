// Steps of a super-network against plain losses of masked models, and against released values.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/importance.h"
#include "harness/subnetwork/judge.h"
#include "harness/subnetwork/super_training.h"
#include "harness/train/lora.h"
#include "harness/train/train_fixture.h"

namespace assay::subnetwork {
namespace {

TrainingText text_of(std::int64_t windows, std::int64_t window) {
  TrainingText text{.tokens = {}, .window = window};
  for (std::int64_t i = 0; i < windows * window; ++i) {
    text.tokens.push_back(static_cast<std::int32_t>(1 + (i * i) % 11));
  }
  return text;
}

/// The model's parameters as leaves that ask for gradients.
void ask_for_gradients(Model& model) {
  model.visit_tensors([](const std::string&, at::Tensor& tensor) {
    tensor = tensor.detach().clone().requires_grad_(true);
  });
}

std::map<std::string, at::Tensor> gradients(const Model& model) {
  std::map<std::string, at::Tensor> all;
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.tensor.grad().defined()) all[parameter.name] = parameter.tensor.grad().clone();
  }
  return all;
}

/// The sub-network as the full model whose other units are multiplied with zero, layers dropped.
Model masked(const Model& super, const SubNetwork& part) {
  Model model = super.share();
  const auto silence = [&](std::int64_t l, Slot slot, std::int64_t unit, const auto& kept) {
    const DenseLinear& old = model.layers()[static_cast<std::size_t>(l)].dense(slot);
    at::Tensor mask = at::zeros({old.in_features()});
    for (const std::int64_t u : kept) mask.narrow(0, u * unit, unit).fill_(1);
    model.layers()[static_cast<std::size_t>(l)].replace_linear(
        slot, std::make_unique<DenseLinear>(old.weight().mul(mask), old.bias()));
  };
  for (const LayerPart& layer : part.layers) {
    const LayerShape& shape = super.spec().layer(layer.layer);
    silence(layer.layer, Slot::kDown, 1, layer.neurons);
    silence(layer.layer, Slot::kO, shape.heads / shape.kv_heads * shape.head_dim, layer.groups);
  }
  for (std::int64_t l = super.layer_count() - 1; l >= 0; --l) {
    const bool kept = std::any_of(part.layers.begin(), part.layers.end(),
                                  [l](const LayerPart& layer) { return layer.layer == l; });
    if (!kept) model.drop_layer(l);
  }
  return model;
}

/// Of every token but the last of each row.
at::Tensor scores(const Model& model, const at::Tensor& tokens) {
  const at::Tensor all = model.logits(model.hidden(tokens));
  return all.view({tokens.size(0), tokens.size(1), -1})
      .narrow(1, 0, tokens.size(1) - 1)
      .flatten(0, 1);
}

at::Tensor plain_ce(const at::Tensor& scores, const at::Tensor& tokens) {
  const at::Tensor next = tokens.narrow(1, 1, tokens.size(1) - 1).flatten();
  return scores.log_softmax(1).gather(1, next.unsqueeze(1)).mean().neg();
}

at::Tensor plain_kd(const at::Tensor& student, const at::Tensor& teacher, double t) {
  const at::Tensor p = teacher.detach().div(t).softmax(1);
  return p.mul(p.log().sub(student.div(t).log_softmax(1))).sum(1).mean().mul(t * t);
}

class StepOf : public testing::TestWithParam<std::string> {};

TEST_P(StepOf, IsThatOfMaskedModels) {
  Model super = load_golden(GetParam());
  const TrainingText text = text_of(3, 10);
  const auto material = text_material(super, text, 0, 3);
  SubNetwork small = whole_network(super.spec()), shallow = small;
  small.layers[0].groups.resize((small.layers[0].groups.size() + 1) / 2);
  small.layers[1].neurons.resize(9);
  shallow.layers.erase(shallow.layers.begin());
  const std::vector<SubNetwork> parts = {small, shallow};
  const std::vector<std::int64_t> items = {0, 2};
  ask_for_gradients(super);
  const Distillation weights{.label_weight = 0.5, .distill_weight = 2, .temperature = 0.9};
  const StepLosses found = add_step_gradients(super, *material, items, parts, weights,
                                              FullNetwork::kTrained, 0.5, /*scored_rows=*/7);
  const auto here = gradients(super);
  for (const Parameter& parameter : super.parameters()) parameter.tensor.mutable_grad().reset();

  const at::Tensor windows =
      at::tensor(std::vector<std::int64_t>(text.tokens.begin(), text.tokens.end()), at::kLong)
          .view({3, 10})
          .index_select(0, at::tensor(items, at::kLong));
  const at::Tensor full = scores(super, windows);
  at::Tensor sum = plain_ce(full, windows);
  EXPECT_NEAR(found.full, sum.item<double>(), 1e-5);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const at::Tensor s = scores(masked(super, parts[i]), windows);
    const at::Tensor ce = plain_ce(s, windows), kd = plain_kd(s, full, 0.9);
    EXPECT_NEAR(found.parts[i].ce, ce.item<double>(), 1e-5);
    EXPECT_NEAR(found.parts[i].kd, kd.item<double>(), 1e-5);
    sum = sum.add(ce.mul(0.5)).add(kd.mul(2));
  }
  EXPECT_NEAR(found.mean, sum.item<double>() / 3, 1e-5);
  sum.mul(0.5 / 3).backward();
  const auto plain = gradients(super);
  ASSERT_EQ(here.size(), plain.size());
  for (const auto& [name, gradient] : plain) {
    const double largest = std::max(1e-3, gradient.abs().max().item<double>());
    EXPECT_LE(here.at(name).sub(gradient).abs().max().item<double>(), 1e-4 * largest) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, StepOf, testing::Values("llama_gqa", "gpt2", "opt"),
                         [](const auto& test) { return test.param; });

TEST(LoraStep, SlicesEqualTheExtractedMergedModel) {
  Model model = load_golden("llama_gqa");
  add_lora(model, {.rank = 3, .alpha = 6}, [](std::int64_t, Slot) { return true; });
  at::manual_seed(5);
  model.visit_tensors([](const std::string& name, at::Tensor& tensor) {
    if (name.ends_with("lora_b")) tensor.normal_(0, 0.1);
  });
  SubNetwork part = whole_network(model.spec());
  part.layers[0].groups.pop_back();
  part.layers[1].neurons.resize(11);
  const at::Tensor tokens = at::randint(0, model.spec().vocab, {2, 9}, at::kLong);
  const at::Tensor sliced = scores(shared_part(model, part), tokens);
  merge_lora(model);
  extract(model, part);
  EXPECT_LE(relative_error(sliced, scores(model, tokens)), 1e-5);
}

SuperTraining quick(const Model& model) {
  SuperTraining settings;
  settings.loop = {.epochs = 6, .batch = 4, .learning_rate = 3e-3};
  settings.smallest = whole_network(model.spec());
  for (LayerPart& layer : settings.smallest.layers) layer.neurons.resize(4);
  settings.draw = [whole = whole_network(model.spec())](PythonRandom& random) {
    SubNetwork part = whole;
    for (LayerPart& layer : part.layers) {
      layer.neurons.resize(static_cast<std::size_t>(random.randint(4, std::ssize(layer.neurons))));
    }
    return part;
  };
  return settings;
}

double loss_of(const Model& model, const SubNetwork& part, const TrainingText& text) {
  const at::NoGradGuard guard;
  Model network = model.share();
  extract(network, part);
  const Judge judge(text_material(model, text, 0, text.windows()), model, QualityMetric::kLoss, 4);
  return judge(network);
}

TEST(SuperTrainingTest, EveryStrategyMakesTheSmallestNetworkBetter) {
  const TrainingText text = text_of(16, 12);
  for (const Strategy strategy :
       {Strategy::kSandwich, Strategy::kDrawn, Strategy::kRandom, Strategy::kRandomLinear}) {
    Model super = load_golden("gpt2");
    SuperTraining settings = quick(super);
    settings.strategy = strategy;
    const auto material = text_material(super, text, 0, 16);
    const double before = loss_of(super, settings.smallest, text);
    const TrainResult result = train_super_network(super, *material, settings);
    EXPECT_EQ(result.steps, 24);
    EXPECT_LT(loss_of(super, settings.smallest, text), 0.8 * before);
  }
}

/// How many networks each step drew.
std::vector<int> draws_of(Strategy strategy, const SubNetwork& smallest) {
  Model super = load_golden("gpt2");
  SuperTraining settings = quick(super);
  settings.strategy = strategy;
  settings.smallest = smallest;
  std::vector<int> draws(1);
  settings.draw = [&draws, draw = settings.draw](PythonRandom& random) {
    ++draws.back();
    return draw(random);
  };
  TrainHooks hooks;
  hooks.progress = [&](std::int64_t, std::int64_t) { draws.push_back(0); };
  (void)train_super_network(super, *text_material(super, text_of(16, 12), 0, 16), settings, hooks);
  draws.pop_back();
  return draws;
}

TEST(SuperTrainingTest, StepsTrainTheNetworksOfTheirStrategy) {
  const SubNetwork nothing;  // refused by whoever trains it
  const std::vector<int> both(24, 2);
  EXPECT_EQ(draws_of(Strategy::kDrawn, nothing), both);
  EXPECT_EQ(draws_of(Strategy::kRandom, nothing), both);
  EXPECT_THROW(draws_of(Strategy::kSandwich, nothing), UserError);
  EXPECT_EQ(draws_of(Strategy::kSandwich, whole_network(load_golden("gpt2").spec())), both);
  const std::vector<int> rising = draws_of(Strategy::kRandomLinear, nothing);
  EXPECT_EQ(rising.front(), 0) << "the probability rises from 0";
  const auto drew = [&](std::size_t from) {
    return std::count(rising.begin() + static_cast<std::ptrdiff_t>(from),
                      rising.begin() + static_cast<std::ptrdiff_t>(from) + 12, 2);
  };
  EXPECT_LT(drew(0), drew(12));
}

/// Throws when a step begins.
struct Stop {};

TEST(SuperTrainingTest, GoesOnFromACheckpointToTheSameBits) {
  const TrainingText text = text_of(16, 12);
  const auto train_it = [&](const TrainHooks& hooks) {
    Model super = load_golden("gpt2");
    const SuperTraining settings = quick(super);
    (void)train_super_network(super, *text_material(super, text, 0, 16), settings, hooks);
    return super.content_hash();
  };
  const std::string undisturbed = train_it({});
  for (const std::int64_t at_step : {1, 7, 23}) {
    const ScratchFolder folder;
    TrainHooks hooks{.checkpoints = folder.path(), .checkpoint_steps = 1};
    hooks.progress = [&](std::int64_t done, std::int64_t) {
      if (done == at_step) throw Stop();
    };
    EXPECT_THROW(train_it(hooks), Stop);
    hooks.progress = {};
    EXPECT_EQ(train_it(hooks), undisturbed) << at_step;
  }
}

TEST(Judging, MeasuresWhatItSays) {
  const Model model = load_golden("llama_gqa");
  const TrainingText text = text_of(5, 8);
  SubNetwork part = whole_network(model.spec());
  part.layers[1].neurons.resize(5);
  Model network = model.share();
  extract(network, part);
  const at::NoGradGuard guard;
  const at::Tensor windows =
      at::tensor(std::vector<std::int64_t>(text.tokens.begin(), text.tokens.end()), at::kLong)
          .view({5, 8});
  const at::Tensor s = scores(network, windows), full = scores(model, windows);
  const auto judged = [&](QualityMetric metric, double fidelity = 1) {
    return Judge(text_material(model, text, 0, 5), model, metric, 2)(network, fidelity);
  };
  EXPECT_NEAR(judged(QualityMetric::kLoss), plain_ce(s, windows).item<double>(), 1e-5);
  EXPECT_NEAR(judged(QualityMetric::kKl), plain_kd(s, full, 1).item<double>(), 1e-5);
  const at::Tensor next = windows.narrow(1, 1, 7).flatten();
  const at::Tensor wrong = s.argmax(1).ne(next).to(at::kDouble);
  EXPECT_NEAR(judged(QualityMetric::kError), wrong.mean().item<double>(), 1e-12);
  const at::Tensor first = windows.narrow(0, 0, 3);
  EXPECT_NEAR(judged(QualityMetric::kLoss, 0.6),
              plain_ce(scores(network, first), first).item<double>(), 1e-5);
}

/// One step of the released procedure (tests/data/nas): the parts of it that do not depend on the
/// order of the neurons, which it does not say.
TEST(ReleasedStep, LossesOfTheFullNetworkAndOfHalfOfTheHeads) {
  const char* models = std::getenv("ASSAY_MODELS");
  if (models == nullptr) GTEST_SKIP() << "ASSAY_MODELS is not set";
  const Json golden = Json::parse(
      read_text_file(source_dir() / "tests" / "data" / "nas" / "nas_sandwich_step.json"));
  const Model model = Model::load(std::filesystem::path(models) / "tiny-gpt2-gelu", {});
  std::vector<std::int64_t> flat;
  for (const auto& row : golden.at("tokens")) {
    for (const auto& token : row) flat.push_back(token.get<std::int64_t>());
  }
  const at::Tensor tokens = at::tensor(flat, at::kLong).view({2, -1});
  Model super = model.clone();
  {
    const at::NoGradGuard guard;
    apply_orders(super, orders_by(measure_importance(model, tokens, {}), model.spec(),
                                  OrderScope::kGlobal, false));
  }
  TrainingText text{.tokens = {flat.begin(), flat.end()}, .window = tokens.size(1)};
  SubNetwork part = whole_network(model.spec());
  for (LayerPart& layer : part.layers) layer.groups = first_units(4);
  ask_for_gradients(super);
  const StepLosses found =
      add_step_gradients(super, *text_material(super, text, 0, 2), std::vector<std::int64_t>{0, 1},
                         std::vector<SubNetwork>{part}, {}, FullNetwork::kTrained, 1);
  const Json& before = golden.at("before");
  EXPECT_NEAR(found.full, before.at("full").get<double>(), 1e-4);
  const Json& sub = before.at("subs").at(1);
  EXPECT_NEAR(found.parts[0].ce, sub.at("ce").get<double>(), 1e-4);
  EXPECT_NEAR(found.parts[0].kd, sub.at("kd").get<double>(), 1e-4);
  EXPECT_NEAR(found.parts[0].loss, sub.at("loss").get<double>(), 1e-4);
}

}  // namespace
}  // namespace assay::subnetwork
