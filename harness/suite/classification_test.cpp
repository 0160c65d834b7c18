// Suites over labelled items, on small BERT classifiers whose scores transformers computed.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "harness/base/cell_errors.h"
#include "harness/data/labelled_fixture.h"
#include "harness/model/encoder_golden.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"
#include "harness/suite/class_scores.h"
#include "harness/suite/suite_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kClasses = 3;
const Json kParams = {{"max_tokens", 40}};

std::vector<std::int64_t> longs(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().to(at::kLong);
  const auto* data = flat.const_data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

class ClassificationSuites : public testing::Test {
 protected:
  /// The sequences of the golden, several times, so that some are right and some wrong.
  ClassificationSuites() {
    items_.label_names = {"a", "b", "c"};
    items_.max_tokens = 40;
    const PackedTokens packed = packed_batch(golden_);
    const auto tokens = longs(packed.tokens), types = longs(packed.token_types);
    for (std::int32_t label = 0; label < kClasses; ++label) {
      for (const Segment& segment : packed.segments) {
        const auto of_item = [&](const auto& all) { return all.begin() + segment.offset; };
        add_item(items_, {of_item(tokens), of_item(tokens) + segment.length}, label,
                 {of_item(types), of_item(types) + segment.length});
      }
    }
  }
  [[nodiscard]] std::int64_t sequences() const { return golden_.at("mask").size(0); }
  RecordingContext context(const Model& model) const {
    write_labelled(folder_.path(), items_);
    return {model, dense_, folder_.path()};
  }
  RecordingContext run(const std::string& kind, const Model& model,
                       const Json& params = kParams) const {
    RecordingContext recorded = context(model);
    run_kind(kind, recorded, params);
    return recorded;
  }
  template <typename Error>
  std::string refusal(const std::function<void(LabelledItems&)>& change) {
    change(items_);
    try {
      (void)run("classification", dense_);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  /// Rounds its weights to a few values.
  [[nodiscard]] Model coarse() const {
    Model model = dense_.clone();
    for (Layer& layer : model.layers()) {
      at::Tensor weight = layer.dense(Slot::kDown).weight();
      weight.copy_(weight.mul(20).round().div(20));
    }
    return model;
  }

  GoldenTensors golden_ = read_tensors(encoder_folder() / "bert_classifier/expected.safetensors");
  Model dense_ = Model::load(encoder_folder() / "bert_classifier", {});
  LabelledItems items_;
  ScratchFolder folder_;
};

TEST_F(ClassificationSuites, ItemsAreThoseOfTransformers) {
  const RecordingContext seen = run("classification", dense_);
  const at::Tensor expected = at::log_softmax(golden_.at("logits_f32").to(at::kDouble), 1);
  ASSERT_EQ(std::ssize(seen.items), items_.count());
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < items_.count(); ++i) {
    const ItemScore& item = seen.items[static_cast<std::size_t>(i)];
    const at::Tensor scores = expected[i % sequences()];
    const std::int64_t gold = items_.labels[static_cast<std::size_t>(i)];
    EXPECT_EQ(item.item, i);
    EXPECT_EQ(item.item_hash, read_labelled_items(folder_.path()).hashes[std::size_t(i)]);
    EXPECT_EQ(item.tokens, items_.length(i));
    EXPECT_EQ(static_cast<std::int64_t>(*item.score), scores.argmax().item<std::int64_t>());
    EXPECT_EQ(item.correct, scores.argmax().item<std::int64_t>() == gold);
    EXPECT_NEAR(*item.nll, -scores[gold].item<double>(), 1e-5);
    double best = -1e9;
    for (std::int64_t k = 0; k < kClasses; ++k) {
      if (k != gold) best = std::max(best, scores[k].item<double>());
    }
    EXPECT_NEAR(item.values.at("margin"), scores[gold].item<double>() - best, 1e-5);
    hits += *item.correct ? 1 : 0;
  }
  // Every sequence stands there once with each class: a third is right.
  EXPECT_EQ(hits, sequences());
  EXPECT_DOUBLE_EQ(*seen.metrics.at("acc").value, 1.0 / kClasses);
  EXPECT_EQ(seen.metrics.at("acc").interval_method, "wilson");
  EXPECT_EQ(seen.last_done, items_.count());
}

TEST_F(ClassificationSuites, MetricsAreMadeOfTheItemsAndOfTheTask) {
  const RecordingContext three = run("classification", dense_);
  expect_made_of_items("classification", three);
  EXPECT_TRUE(three.metrics.contains("macro_f1"));
  EXPECT_FALSE(three.metrics.contains("f1")) << "no class of three is the positive one";
  // The right class and the given one have nothing to do with each other here.
  EXPECT_NEAR(*three.metrics.at("matthews").value, 0, 1e-12);
}

TEST_F(ClassificationSuites, HowItemsAreRunTogetherChangesNothing) {
  const RecordingContext together = run("classification", dense_);
  const RecordingContext alone =
      run("classification", dense_, {{"max_tokens", 40}, {"batch_tokens", 1}});
  for (std::size_t i = 0; i < together.items.size(); ++i) {
    EXPECT_NEAR(*together.items[i].nll, *alone.items[i].nll, 1e-5);
  }
  const RecordingContext first = run("classification", dense_, {{"max_tokens", 40}, {"limit", 2}});
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[1].item_hash, together.items[1].item_hash);
}

TEST_F(ClassificationSuites, ScoresThatAreNotFiniteAreNoAccuracy) {
  Model broken = dense_.clone();
  broken.layers()[0].dense(Slot::kUp).weight().fill_(std::nan(""));
  const RecordingContext seen = run("classification", broken);
  for (const auto& [tag, metric] : seen.metrics) {
    EXPECT_TRUE(std::isnan(*metric.value)) << tag;
  }
  EXPECT_EQ(seen.metrics.size(), 3U);
}

TEST_F(ClassificationSuites, DivergenceFromTheDenseTwin) {
  const RecordingContext same = run("classification_kl", dense_);
  EXPECT_EQ(*same.metrics.at("kl").value, 0);
  EXPECT_EQ(*same.metrics.at("top1_agreement").value, 1);
  const Model model = coarse();
  const RecordingContext seen = run("classification_kl", model);
  expect_made_of_items("classification_kl", seen);
  double sum = 0;
  const PackedTokens packed = packed_batch(golden_);
  const at::Tensor p = at::softmax(dense_.sequence_logits(packed).to(at::kDouble), 1);
  const at::Tensor q = at::softmax(model.sequence_logits(packed).to(at::kDouble), 1);
  for (std::int64_t i = 0; i < sequences(); ++i) {
    for (std::int64_t k = 0; k < kClasses; ++k) {
      const double dense = p[i][k].item<double>();
      sum += dense * std::log(dense / q[i][k].item<double>());
    }
  }
  const double expected = sum / static_cast<double>(sequences());
  EXPECT_GT(expected, 1e-9);
  EXPECT_NEAR(*seen.metrics.at("kl").value, expected, 1e-3 * expected);
  EXPECT_EQ(seen.last_done, 2 * items_.count());
}

TEST_F(ClassificationSuites, AnotherNumberOfClassesDoesNotApply) {
  const std::string text = refusal<DoesNotApply>([](auto& items) {
    items.label_names.pop_back();
    for (auto& label : items.labels) label = std::min(label, 1);
  });
  EXPECT_THAT(text, HasSubstr("the model's classifier has 3 classes (LABEL_0, LABEL_1, LABEL_2), "
                              "the data have 2 classes (a, b)"));
}

TEST_F(ClassificationSuites, DataThatDoNotFitTheModelAreRefused) {
  EXPECT_THAT(refusal<UserError>([](auto& items) { items.tokens[1] = 71; }),
              HasSubstr("item 1 (line 2 of the raw file), token 2"));
  items_.tokens[1] = 70;
  EXPECT_THAT(refusal<UserError>([](auto& items) { items.token_types[0] = 2; }),
              HasSubstr("a segment is neither 0 nor 1"));
  items_.token_types[0] = 0;
  EXPECT_THAT(refusal<UserError>([](auto& items) { items.max_tokens = 39; }),
              HasSubstr("prepared for max_tokens = 39, the suite says 40"));
}

/// A classifier whose classes have names.
class LabelMaps : public ClassificationSuites {
 protected:
  Misleading refused(const std::vector<std::string>& model, const std::vector<std::string>& data) {
    try {
      run_with(model, data);
    } catch (const Misleading& error) {
      return error;
    }
    ADD_FAILURE() << "taken";
    return {"", ""};
  }
  void run_with(const std::vector<std::string>& model, const std::vector<std::string>& data) {
    const ScratchFolder folder;
    for (const char* file : {"config.json", "model.safetensors"}) {
      fs::copy_file(encoder_folder() / "bert_classifier" / file, folder.path() / file);
    }
    Json config = read_json_file(folder.path() / "config.json");
    config.erase("label2id");
    for (std::size_t i = 0; i < model.size(); ++i) config["id2label"][std::to_string(i)] = model[i];
    write_file_atomically(folder.path() / "config.json", config.dump());
    items_.label_names = data;
    (void)run("classification", Model::load(folder.path(), {}));
  }
};

TEST_F(LabelMaps, TheSameNamesInAnotherOrderAreInvalid) {
  const Misleading error = refused({"contradiction", "entailment", "neutral"},
                                   {"entailment", "neutral", "contradiction"});
  EXPECT_EQ(error.code(), "label_order");
  EXPECT_THAT(error.what(), HasSubstr("the model's classes are contradiction, entailment, neutral, "
                                      "those of the data are entailment, neutral, contradiction"));
  EXPECT_THAT(error.what(), HasSubstr("number `labels` in the data set's manifest"));
}

TEST_F(LabelMaps, OtherNamesAreInvalid) {
  const Misleading error = refused({"x", "neutral", "z"}, {"x", "neutral", "y"});
  EXPECT_EQ(error.code(), "label_names");
  EXPECT_THAT(error.what(), HasSubstr("name them alike"));
}

TEST_F(LabelMaps, SpellingAndNamesThatSayNothingAreTaken) {
  run_with({"ENTAILMENT", "not-entailment", "Other"}, {"entailment", "not_entailment", "other"});
  run_with({"0", "1", "2"}, {"entailment", "neutral", "contradiction"});
}

/// The classifier behind a multiplexer of so many texts, all padded to one length.
Model multiplexed(const Model& model, std::int64_t instances) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const std::int64_t width = model.spec().width;
  Model mixed = model.clone();
  mixed.replace_input(
      std::make_unique<mux::MuxInput>(dynamic_cast<const EmbeddingInput&>(model.input()),
                                      std::make_unique<mux::HadamardMultiplexer>(
                                          mux::gaussian_keys(instances, width, 4, generator)),
                                      mux::MuxForm{.length = 40}));
  at::Tensor weight = at::empty({kClasses, width}).normal_(0, 0.3, generator);
  mixed.replace_output(
      std::make_unique<mux::MuxClassifier>(
          std::make_unique<mux::IndexDemultiplexer>(
              mux::start_index_demux(instances, width, 3, 0.2, 1e-12, generator)),
          DenseLinear(std::move(weight), at::zeros({kClasses}))),
      {.kind = OutputKind::kClassifier, .classes = kClasses, .labels = {"a", "b", "c"}});
  return mixed;
}

/// Whoever is scored together does not depend on how much is run together.
TEST_F(ClassificationSuites, TextsThatRunAsOneAreScoredInWholeGroups) {
  const c10::InferenceMode inference;
  const auto ignore = [](std::int64_t) {};
  ScoreLog nothing_kept;
  for (const std::int64_t instances : {2, 3, 4, 7}) {
    const Model mixed = multiplexed(dense_, instances);
    const at::Tensor whole = class_log_probs(mixed, items_, 100'000, nothing_kept, ignore);
    for (const std::int64_t tokens : {1, 60, 200}) {
      // The last group is filled with items of its own batch.
      const std::int64_t full = items_.count() - items_.count() % instances;
      const auto scores = class_log_probs(mixed, items_, tokens, nothing_kept, ignore);
      std::vector<std::int64_t> order(static_cast<std::size_t>(items_.count()));
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return items_.length(i); });
      const at::Tensor places = at::tensor(order, at::kLong).narrow(0, 0, full);
      EXPECT_TRUE(
          at::allclose(scores.index_select(0, places), whole.index_select(0, places), 1e-4, 1e-5))
          << instances << ' ' << tokens;
    }
    const RecordingContext recorded = run("classification", mixed);
    EXPECT_EQ(recorded.remarks.empty(), items_.count() % instances == 0) << instances;
  }
}

}  // namespace
}  // namespace assay
