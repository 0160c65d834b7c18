#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/model/mixing_input.h"
#include "harness/model/slicing.h"
#include "harness/train/classifier.h"
#include "harness/train/train_fixture.h"
#include "harness/train/training_forms.h"
#include "methods/revmux/losses.h"
#include "methods/revmux/rev_model.h"

namespace assay {
void register_revmux(MethodRegistry& registry);
}

namespace assay::revmux {
namespace {

using testing::HasSubstr;

const Method& method() { return sole_method(register_revmux); }
Params params(const Json& given) { return {method().info().params, given}; }

/// Short items of two classes that a token behind the first one tells apart.
LabelledItems easy_items(std::int64_t count) {
  LabelledItems items;
  items.offsets = {0};
  for (std::int32_t i = 0; i < count; ++i) {
    for (std::int32_t t = 0; t < 4 + i % 3; ++t) {
      items.tokens.push_back(t == 0 ? 1 : 10 + (t == 1 ? 5 * (i % 2) : (i * 7 + t) % 5 + 20));
      items.token_types.push_back(t > 2 ? 1 : 0);
    }
    items.offsets.push_back(static_cast<std::int64_t>(items.tokens.size()));
    items.labels.push_back(i % 2);
  }
  items.label_names = {"a", "b"};
  items.lines.assign(items.labels.size(), 1);
  items.hashes.assign(items.labels.size(), "0123456789abcdef");
  items.text_hashes = items.hashes;
  return items;
}

Json with(Json given, const Json& more) {
  given.update(more);
  return given;
}

const Json kQuick = {{"epochs", 1}, {"batch", 8}, {"learning_rate", 3e-3}, {"dropout", false}};

class RevMuxMethod : public testing::Test {
 protected:
  Model model_ = Model::load(encoder_folder() / "bert_model", {});
  LabelledItems items_ = easy_items(48);
  RecordingContext context_{{}, 3, {}};

  RevMuxMethod() { context_.training_items = &items_; }
  /// In a context of its own: fits of several settings share no checkpoints.
  Artefact fit(const Json& given) {
    RecordingContext context({}, 3, {});
    context.training_items = &items_;
    return method().fit(model_, context, params(given));
  }
  [[nodiscard]] Model applied(const Artefact& artefact) const {
    Model changed = model_.clone();
    method().apply(changed, artefact);
    return changed;
  }
  [[nodiscard]] static std::map<std::string, at::Tensor> table_of(const Model& model) {
    std::map<std::string, at::Tensor> table;
    for (const Parameter& one : model.parameters()) table[one.name] = one.tensor;
    return table;
  }
  /// What is `name` in a multiplexed model, in one that is not.
  [[nodiscard]] static std::string plain_name(const std::string& name, std::int64_t unmixed) {
    const std::string begin = mux::kUnmixedLayers;
    if (name.starts_with(begin)) return "layer." + name.substr(begin.size());
    if (!name.starts_with("layer.")) return name;
    const std::size_t dot = name.find('.', 6);
    return "layer." + std::to_string(std::stoll(name.substr(6, dot - 6)) + unmixed) +
           name.substr(dot);
  }
};

/// A frozen encoder of random weights: adapters and a fresh head are enough.
TEST_F(RevMuxMethod, LearnsTheTask) {
  for (const Json& kind : std::vector<Json>{
           Json::object(), {{"instances", 4}}, {{"prefill_layers", 0}, {"places_twice", false}}}) {
    const Json given = with(with(kQuick, kind), {{"epochs", 60}});
    const Model changed = applied(fit(given));
    EXPECT_LE(score_classifier(changed, items_, 8).error_rate, 0.1) << kind.dump();
    EXPECT_EQ(changed.spec().classes, 2);
    EXPECT_EQ(instances_of(changed.input()), kind.value("instances", 2));
  }
}

/// Every tensor of the encoder has its bits; what was learnt has others than it began with.
TEST_F(RevMuxMethod, WhatIsFrozenStaysAsItWas) {
  add_classifier(model_, {"a", "b"}, 9);
  const auto before = table_of(model_);
  for (const bool head : {false, true}) {
    const Artefact artefact = fit(with(kQuick, {{"tune_head", head}}));
    std::int64_t adapters = 0;
    for (const auto& [name, tensor] : table_of(applied(artefact))) {
      if (name.starts_with("rev.")) {
        ++adapters;
        EXPECT_TRUE(artefact.tensors.contains(name)) << name;
        continue;
      }
      const bool of_head = name.starts_with("head.") || name.starts_with("pooler.");
      EXPECT_EQ(at::equal(tensor, before.at(plain_name(name, 1))), !(head && of_head)) << name;
    }
    EXPECT_EQ(adapters, 2 + 2 * 4 + 3 * 2);
    EXPECT_EQ(artefact.tensors.size(), static_cast<std::size_t>(adapters + (head ? 4 : 0)));
  }
  EXPECT_TRUE(at::equal(before.at("head.weight"), table_of(model_).at("head.weight")));
}

TEST_F(RevMuxMethod, TheBackboneIsTunedOnDemand) {
  add_classifier(model_, {"a", "b"}, 9);
  const auto before = table_of(model_);
  const Artefact artefact = fit(with(kQuick, {{"tune_backbone", true}}));
  std::int64_t changed = 0;
  for (const auto& [name, tensor] : table_of(applied(artefact))) {
    // The bias of what all queries meet alike has no gradient but rounding.
    if (name.starts_with("rev.") || name.ends_with("k.bias")) continue;
    const bool of_head = name.starts_with("head.") || name.starts_with("pooler.");
    EXPECT_EQ(at::equal(tensor, before.at(plain_name(name, 1))), of_head) << name;
    changed += of_head ? 0 : 1;
  }
  EXPECT_GT(changed, 30);
}

TEST_F(RevMuxMethod, EveryLossHasASay) {
  add_classifier(model_, {"a", "b"}, 9);
  const Artefact whole = fit(kQuick);
  for (const char* weight : {"contrast_weight", "cosine_weight"}) {
    const Artefact without = fit(with(kQuick, {{weight, 0}}));
    EXPECT_FALSE(
        at::equal(whole.tensors.at("rev.down.weight"), without.tensors.at("rev.down.weight")))
        << weight;
  }
  const Artefact cold = fit(with(kQuick, {{"temperature", 0.5}}));
  EXPECT_FALSE(at::equal(whole.tensors.at("rev.up.0.weight"), cold.tensors.at("rev.up.0.weight")));
}

/// Killed again and again: the same bits.
TEST_F(RevMuxMethod, AFitThatIsInterruptedEndsWithTheSameBits) {
  for (const bool all : {false, true}) {
    const Json given = with(kQuick, {{"epochs", 2},
                                     {"dropout", true},
                                     {"tune_backbone", all},
                                     {"dev_share", all ? 0.25 : 0.0}});
    const Artefact whole = fit(given);
    RecordingContext again({}, 3, {});
    again.training_items = &items_;
    for (const std::int64_t at : {1, 2, 1}) {
      again.interrupt_at = std::ssize(again.steps) + at;
      EXPECT_THROW(static_cast<void>(method().fit(model_, again, params(given))), Interrupted);
    }
    again.interrupt_at = -1;
    const Artefact resumed = method().fit(model_, again, params(given));
    ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
    for (const auto& [name, tensor] : whole.tensors) {
      EXPECT_TRUE(at::equal(tensor, resumed.tensors.at(name))) << name;
    }
  }
}

/// Applying draws the blocks from any seed: all that the fit drew or learnt has to be stored.
TEST_F(RevMuxMethod, WhatIsRebuiltScoresAsItWasTrained) {
  const Json given = with(kQuick, {{"instances", 4}, {"prefill_layers", 1}, {"dev_share", 0.25}});
  RecordingContext context({}, 3, {});
  context.training_items = &items_;
  const Artefact artefact = method().fit(model_, context, params(given));
  EXPECT_EQ(artefact.plan.at("labels"), Json({"a", "b"}));
  const ItemParts parts = item_parts(3, items_.count(), 12);
  const double found =
      score_classifier(applied(artefact), chosen_items(items_, parts.held), 8).loss;
  EXPECT_NEAR(found, context.metrics.at("train/dev_loss"), 1e-5);
}

TEST_F(RevMuxMethod, OpenGroupsAreRemarkedOn) {
  static_cast<void>(
      method().fit(model_, context_, params(with(kQuick, {{"instances", 4}, {"batch", 6}}))));
  ASSERT_EQ(context_.warnings.size(), 1U);
  EXPECT_EQ(context_.warnings.front().first, "mux_groups_filled");
}

TEST_F(RevMuxMethod, ShapesThatDoNotFitAreUnmet) {
  const auto problems = [&](const Json& given) {
    return method().unmet(model_.spec(), params(given));
  };
  EXPECT_THAT(problems(Json::object()), testing::IsEmpty());
  EXPECT_THAT(problems({{"instances", 3}}),
              testing::ElementsAre(HasSubstr("32 is no multiple of it")));
  EXPECT_THAT(problems({{"prefill_layers", 2}}), testing::ElementsAre(HasSubstr("lower it")));
  EXPECT_THAT(problems({{"prefill_layers", 1}}), testing::IsEmpty());
}

TEST_F(RevMuxMethod, WhatAnotherMethodReplacedIsRefused) {
  Model without = model_.clone();
  drop_ffn(without, 0);
  add_classifier(without, {"a", "b"}, 9);
  const auto multiplexed = [](Model& model, std::int64_t layers) {
    multiplex(model, {.instances = 2, .prefill_layers = layers, .places_twice = true}, 1);
  };
  EXPECT_THAT([&] { multiplexed(without, 1); },
              testing::ThrowsMessage<DoesNotApply>(HasSubstr("a block of layer 0")));
  ASSERT_EQ(without.layer_count(), 2);
  multiplexed(without, 0);
  EXPECT_THAT([&] { multiplexed(without, 0); },
              testing::ThrowsMessage<DoesNotApply>(HasSubstr("replaced the embeddings")));
}

/// One pair, one position at a time.
TEST(RevMuxLosses, LikenessIsTheMeanOfAbsoluteCosines) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  mux::RevMuxPass pass{.parts = at::empty({2, 3, 4, 5}).normal_(0, 1, generator), .real = {}};
  const std::int64_t ends[2][3] = {{4, 1, 2}, {3, 4, 4}};
  for (const bool padded : {false, true}) {
    if (padded) pass.real = at::empty({2, 3, 4}, at::kBool).fill_(false);
    double sum = 0;
    for (std::int64_t g = 0; g < 2; ++g) {
      for (std::int64_t i = 0; i < 3; ++i) {
        const std::int64_t end = padded ? ends[g][i] : 4;
        if (padded) pass.real[g][i].narrow(0, 0, end).fill_(true);
        for (std::int64_t j = 0; j < 3; ++j) {
          if (i == j) continue;
          for (std::int64_t p = 0; p < end; ++p) {
            const at::Tensor a = pass.parts[g][i][p], b = pass.parts[g][j][p];
            sum += std::abs((a.dot(b) / (a.norm() * b.norm())).item<double>()) /
                   static_cast<double>(end);
          }
        }
      }
    }
    EXPECT_NEAR(likeness(pass).item<double>(), sum / 12, 1e-6) << padded;
  }
  pass.parts = pass.parts.narrow(1, 0, 1);
  EXPECT_EQ(likeness(pass).item<double>(), 0);
}

TEST(RevMuxLosses, TheContrastIsThatOfItsCosines) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(6);
  const at::Tensor student = at::empty({4, 6}).normal_(0, 1, generator).requires_grad_(true);
  const at::Tensor teacher = at::empty({4, 6}).normal_(0, 1, generator).requires_grad_(true);
  double sum = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    double own = 0, all = 0;
    for (std::int64_t j = 0; j < 4; ++j) {
      const at::Tensor cosine =
          student[i].dot(teacher[j]) / (student[i].norm() * teacher[j].norm());
      const double weight = std::exp(cosine.item<double>() / 0.2);
      all += weight;
      if (i == j) own = weight;
    }
    sum -= std::log(own / all);
  }
  const at::Tensor found = contrast_loss(student, teacher, 0.2);
  EXPECT_NEAR(found.item<double>(), sum / 4, 1e-5);
  found.backward();
  EXPECT_TRUE(student.grad().defined());
  EXPECT_FALSE(teacher.grad().defined());
}

}  // namespace
}  // namespace assay::revmux
