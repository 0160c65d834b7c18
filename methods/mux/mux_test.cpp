#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>

#include "harness/base/cell_errors.h"
#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/model/mixing_input.h"
#include "harness/model/packed_sequences.h"
#include "harness/train/classifier.h"
#include "harness/train/train_fixture.h"
#include "methods/mux/multiplexed.h"
#include "methods/mux/stages.h"

namespace assay {
void register_mux(MethodRegistry& registry);
}

namespace assay::mux_method {
namespace {

using testing::HasSubstr;

const Method& method() { return sole_method(register_mux); }
Params params(const Json& given) { return {method().info().params, given}; }

/// Short items of two classes that a token behind the first one tells apart.
LabelledItems easy_items(std::int64_t count) {
  LabelledItems items;
  items.offsets = {0};
  for (std::int32_t i = 0; i < count; ++i) {
    for (std::int32_t t = 0; t < 4; ++t) {
      items.tokens.push_back(t == 0 ? 1 : 10 + (t == 1 ? 5 * (i % 2) : (i * 7 + t) % 5 + 20));
      items.token_types.push_back(0);
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

class MuxMethod : public testing::Test {
 protected:
  Model model_ = Model::load(encoder_folder() / "bert_model", {});
  LabelledItems items_ = easy_items(48);
  RecordingContext context_{at::randint(5, 40, {64, 8}, at::kLong), 3, {}};

  MuxMethod() { context_.training_items = &items_; }
  Artefact fit(const Json& given) { return method().fit(model_, context_, params(given)); }
  /// In a context of its own: fits of several settings share no checkpoints.
  Artefact fit_apart(const Json& given) {
    RecordingContext context(context_.calibration(), 3, {});
    context.training_items = &items_;
    return method().fit(model_, context, params(given));
  }
  [[nodiscard]] Model applied(const Artefact& artefact) const {
    Model changed = model_.clone();
    method().apply(changed, artefact);
    return changed;
  }
};

const Json kQuick = {
    {"instances", 2},   {"retrieval_steps", 0},  {"epochs", 30},          {"batch", 8},
    {"dropout", false}, {"learning_rate", 3e-3}, {"retrieval_weight", 0}, {"schedule", "constant"}};

Json with(Json given, const Json& more) {
  given.update(more);
  return given;
}

TEST_F(MuxMethod, LearnsTheTask) {
  for (const char* multiplexer : {"gaussian", "orthogonal", "binary", "contextual"}) {
    RecordingContext context({}, 3, {});
    context.training_items = &items_;
    const Json given = with(kQuick, {{"multiplexer", multiplexer}});
    const Model changed = applied(method().fit(model_, context, params(given)));
    EXPECT_LE(score_classifier(changed, items_, 8).error_rate, 0.1) << multiplexer;
    EXPECT_EQ(changed.spec().classes, 2);
  }
}

TEST_F(MuxMethod, ANetworkOfEachInstancesOwnLearnsItToo) {
  const Json given = with(kQuick, {{"demultiplexer", "mlp"},
                                   {"retrieval_steps", 4},
                                   {"retrieval_batch", 2},
                                   {"retrieval_weight", 0.1}});
  const Model changed = applied(fit(given));
  EXPECT_LE(score_classifier(changed, items_, 8).error_rate, 0.1);
}

TEST_F(MuxMethod, KeysOutOfAPrefixLearnItToo) {
  for (const char* multiplexer : {"gaussian", "contextual"}) {
    const Json given = with(kQuick, {{"demultiplexer", "prefix"},
                                     {"multiplexer", multiplexer},
                                     {"instances", 3},
                                     {"retrieval_weight", 0.1}});
    const Model changed = applied(fit_apart(given));
    EXPECT_LE(score_classifier(changed, items_, 9).error_rate, 0.1) << multiplexer;
  }
}

/// The same weights, scored otherwise.
TEST_F(MuxMethod, AnEnsembleIsTrainedAsOneModelIs) {
  const Artefact plain = fit(kQuick), ensemble = fit(with(kQuick, {{"ensemble", true}}));
  for (const auto& [name, tensor] : plain.tensors) {
    EXPECT_TRUE(at::equal(tensor, ensemble.tensors.at(name))) << name;
  }
  EXPECT_EQ(instances_of(applied(plain).input()), 2);
  EXPECT_EQ(instances_of(applied(ensemble).input()), 1);
  EXPECT_LE(score_classifier(applied(ensemble), items_, 8).error_rate, 0.1);
}

/// The synthetic copy task: two instances, and a text of few tokens.
TEST_F(MuxMethod, TheWarmUpLearnsToRetrieve) {
  const Json given = with(kQuick, {{"retrieval_steps", 600},
                                   {"retrieval_batch", 8},
                                   {"retrieval_rate", 3e-3},
                                   {"retrieval_share", 1},
                                   {"max_steps", 1}});
  static_cast<void>(fit(given));
  EXPECT_GT(context_.metrics.at("warm_up/retrieval_accuracy"), 0.95);
  EXPECT_EQ(context_.metrics.at("warm_up/steps"), 600);
}

TEST_F(MuxMethod, TheWarmUpLearnsToRetrieveByAPrefix) {
  const Json given = with(kQuick, {{"demultiplexer", "prefix"},

                                   {"retrieval_steps", 500},
                                   {"retrieval_batch", 8},
                                   {"retrieval_rate", 3e-3},
                                   {"retrieval_share", 1},
                                   {"max_steps", 1}});
  static_cast<void>(fit(given));
  EXPECT_GT(context_.metrics.at("warm_up/retrieval_accuracy"), 0.9);
}

/// The prefix takes the place of the last tokens of a text, which has to be longer.
TEST_F(MuxMethod, TextsKeepTheirLengthBehindAPrefix) {
  const Json given = with(kQuick, {{"demultiplexer", "prefix"},
                                   {"retrieval_steps", 1},
                                   {"retrieval_batch", 2},
                                   {"max_steps", 1}});
  const at::Tensor texts = context_.calibration();
  const Artefact whole = fit(given);
  at::Tensor other = texts.clone();
  other.narrow(1, 5, 3).fill_(7);
  RecordingContext context(other, 3, {});
  context.training_items = &items_;
  const Artefact replaced = method().fit(model_, context, params(given));
  for (const auto& [name, tensor] : whole.tensors) {
    EXPECT_TRUE(at::equal(tensor, replaced.tensors.at(name))) << name;
  }
  EXPECT_THAT(
      [&] {
        static_cast<void>(fit(with(given, {{"instances", 7}})));
      },
      testing::ThrowsMessage<DoesNotApply>(HasSubstr("leaves nothing of calibration texts of 8")));
}

TEST_F(MuxMethod, ItemsWithoutRoomBehindAPrefixAreRefused) {
  const Json given = with(kQuick, {{"demultiplexer", "prefix"}, {"instances", 36}, {"batch", 36}});
  EXPECT_THAT([&] { static_cast<void>(fit(given)); },
              testing::ThrowsMessage<DoesNotApply>(
                  HasSubstr("4 tokens behind a prefix of 37 is longer than the 40 positions")));
}

/// One question at a time, by hand: the mean of -log p of the token that the instance had.
TEST_F(MuxMethod, TheRetrievalLossIsThatOfItsQuestions) {
  const MuxShape shape{.instances = 2};
  multiplex(model_, shape, {}, 5);
  const mux::RetrievalTensors head = fresh_retrieval(model_, shape, 5);
  const PackedTokens packed = pack_sequences(at::randint(5, 40, {4, 6}, at::kLong).unbind(0));
  const at::Tensor tokens = input_of(model_).grouped_tokens(packed);
  const at::Tensor rows = model_.hidden_packed(packed);
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(11);
  const double found = retrieval_loss(model_, head, rows, tokens, 0.5).item<double>();
  generator.set_current_seed(11);
  const mux::RetrievalQuestions asked = mux::draw_questions(tokens, 0, 0.5);
  double sum = 0;
  for (std::int64_t q = 0; q < asked.rows.size(0); ++q) {
    const std::int64_t row = asked.rows[q].item<std::int64_t>(), length = tokens.size(2);
    const at::Tensor which = asked.which.narrow(0, q, 1);
    const std::int64_t target =
        tokens[row / length][which.item<std::int64_t>()][row % length].item<std::int64_t>();
    EXPECT_EQ(target, asked.targets[q].item<std::int64_t>());
    const at::Tensor scores = mux::retrieval_scores(demultiplexer_of(model_), head,
                                                    input_of(model_).embedding().token_table(),
                                                    rows.narrow(0, row, 1), which);
    sum -= at::log_softmax(scores, 1)[0][target].item<double>();
  }
  ASSERT_GT(asked.rows.size(0), 2);
  EXPECT_NEAR(found, sum / static_cast<double>(asked.rows.size(0)), 1e-5);
}

TEST_F(MuxMethod, PadsAreNoQuestions) {
  const at::Tensor tokens = at::randint(0, 2, {20, 2, 9}, at::kLong);
  const mux::RetrievalQuestions asked = mux::draw_questions(tokens, 0, 1);
  EXPECT_TRUE(asked.targets.eq(1).all().item<bool>());
  EXPECT_GT(asked.rows.size(0), 40);
}

TEST_F(MuxMethod, KeysStayAsTheyWereDrawn) {
  for (const char* multiplexer : {"gaussian", "contextual"}) {
    const Json given = with(kQuick, {{"epochs", 1}, {"multiplexer", multiplexer}});
    const Artefact artefact = fit_apart(given);
    Model fresh = model_.clone();
    multiplex(fresh, mux_shape(params(given)), {"a", "b"}, context_.seed());
    std::int64_t of_mux = 0;
    for (const Parameter& parameter : fresh.parameters()) {
      if (!parameter.name.starts_with("mux.")) continue;
      ++of_mux;
      // The bias of what all queries meet alike has no gradient but rounding.
      if (parameter.name.ends_with("k.bias")) continue;
      EXPECT_EQ(at::equal(parameter.tensor, artefact.tensors.at(parameter.name)),
                parameter.name == "mux.keys")
          << parameter.name;
    }
    EXPECT_EQ(of_mux, multiplexer == std::string("gaussian") ? 1 : 1 + 2 * 16);
    EXPECT_FALSE(artefact.tensors.contains("retrieval.bias"));
  }
}

/// Killed within the warm-up and within the task: the same bits.
TEST_F(MuxMethod, AFitThatIsInterruptedEndsWithTheSameBits) {
  const std::vector<Json> kinds = {Json::object(),
                                   {{"multiplexer", "contextual"}, {"demultiplexer", "prefix"}}};
  for (const Json& kind : kinds) {
    const Json given = with(with(kQuick, kind), {{"retrieval_steps", 6},
                                                 {"retrieval_batch", 2},
                                                 {"epochs", 1},
                                                 {"retrieval_weight", 0.1},
                                                 {"dropout", true}});
    const Artefact whole = fit_apart(given);
    RecordingContext again(context_.calibration(), 3, {});
    again.training_items = &items_;
    for (const std::int64_t at : {2, 4, 3}) {
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
TEST_F(MuxMethod, WhatIsRebuiltScoresTheSame) {
  const std::vector<Json> kinds = {{{"multiplexer", "contextual"}, {"demultiplexer", "mlp"}},
                                   {{"multiplexer", "orthogonal"}, {"demultiplexer", "prefix"}}};
  for (const Json& kind : kinds) {
    const Artefact artefact = fit_apart(with(with(kQuick, kind), {{"epochs", 1}}));
    const Model once = applied(artefact), twice = applied(artefact);
    const at::Tensor tokens = at::randint(5, 40, {4, 6}, at::kLong);
    EXPECT_TRUE(at::equal(once.sequence_logits(tokens), twice.sequence_logits(tokens)));
    for (const Parameter& parameter : once.parameters()) {
      if (parameter.name.starts_with("mux.") || parameter.name.starts_with("demux.")) {
        EXPECT_TRUE(artefact.tensors.contains(parameter.name)) << parameter.name;
      }
    }
  }
}

TEST_F(MuxMethod, WhatItDoesNotSeeIsSaid) {
  items_.token_types.back() = 1;
  static_cast<void>(fit(with(kQuick, {{"instances", 3}, {"max_steps", 1}})));
  std::vector<std::string> codes;
  for (const auto& [code, text] : context_.warnings) codes.push_back(code);
  EXPECT_THAT(codes, testing::ElementsAre("mux_segments_lost", "mux_groups_filled"));
}

TEST_F(MuxMethod, MoreInstancesThanDimensionsAreUnmetForParts) {
  EXPECT_THAT(method().unmet(model_.spec(), params({{"instances", 33}, {"multiplexer", "binary"}})),
              testing::ElementsAre(HasSubstr("lower instances")));
  EXPECT_THAT(method().unmet(model_.spec(), params({{"instances", 33}})), testing::IsEmpty());
  EXPECT_THAT(method().unmet(model_.spec(), params({{"length", 41}})),
              testing::ElementsAre(HasSubstr("sees at most 40")));
}

TEST_F(MuxMethod, APrefixNeedsRoomAndTokens) {
  const auto problems = [&](const Json& given) {
    return method().unmet(model_.spec(), params(with(given, {{"demultiplexer", "prefix"}})));
  };
  EXPECT_THAT(problems({{"instances", 38}}), testing::IsEmpty());
  EXPECT_THAT(problems({{"instances", 39}}),
              testing::ElementsAre(HasSubstr("length = 0 behind a prefix of 40")));
  EXPECT_THAT(problems({{"instances", 2}, {"length", 38}}),
              testing::ElementsAre(HasSubstr("lower length or instances")));
  EXPECT_THAT(problems({{"instances", 70}}),
              testing::ElementsAre(HasSubstr("behind a prefix of 71"),
                                   HasSubstr("a vocabulary of 71 tokens")));
}

}  // namespace
}  // namespace assay::mux_method
