// Reading of prepared folders, and the item suites on them.
#include "harness/suite/prepared.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "harness/base/errors.h"
#include "harness/suite/suite_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Vocabulary kVocabulary{101, {}}, kTiny{3, {}};

Json request(const std::vector<std::int64_t>& tokens, int scored_from, double length = 1) {
  return {{"tokens", tokens}, {"scored_from", scored_from}, {"length", length}};
}

Json item_of(int gold, const std::vector<Json>& requests) {
  return {{"hash", "h"}, {"gold", gold}, {"requests", requests}};
}

Json document(const Json& items, const Json& metrics = Json::array({"acc", "acc_norm"})) {
  return {{"version", 1}, {"metrics", metrics}, {"items", items}};
}

class Prepared : public testing::Test {
 protected:
  const std::filesystem::path& path() const { return folder_.path(); }
  void expect_items_error(const Json& items, const std::string& message) {
    write_items(path(), document(items));
    EXPECT_THAT([&] { (void)read_prepared_items(path(), kVocabulary); },
                ThrowsMessage<UserError>(HasSubstr(message)));
  }

 private:
  ScratchFolder folder_;
};

TEST_F(Prepared, StreamIsRead) {
  write_stream(path(), {1, 2, 100});
  const PreparedStream stream = read_prepared_stream(path(), kVocabulary);
  ASSERT_EQ(stream.tokens.size(0), 3);
  EXPECT_EQ(stream.tokens[2].item<std::int64_t>(), 100);
}

TEST_F(Prepared, DamageIsFound) {
  EXPECT_THROW((void)read_prepared_stream(path(), kVocabulary), UserError);
  write_stream(path(), {1, 2, 3});
  EXPECT_THAT(
      [&] { (void)read_prepared_stream(path(), kTiny); },
      ThrowsMessage<UserError>(HasSubstr("token 3 of the stream: token 3 is beyond the 3 rows")));
  EXPECT_THAT([&] { (void)read_prepared_items(path(), kVocabulary); },
              ThrowsMessage<UserError>(
                  HasSubstr("holds data in the form 'stream', and 'items' is needed")));
  std::ofstream(path() / "tokens.bin", std::ios::app) << "more";
  EXPECT_THAT([&] { (void)read_prepared_stream(path(), kVocabulary); },
              ThrowsMessage<UserError>(HasSubstr("content differs from its hash")));
  write_file_atomically(path() / "manifest.json", R"({"version": 2, "format": "stream"})");
  EXPECT_THAT([&] { (void)read_prepared_stream(path(), kVocabulary); },
              ThrowsMessage<UserError>(HasSubstr("no manifest of version 1 (version: 2)")));
}

TEST_F(Prepared, ItemsTakeTheirSharedBeginning) {
  Json item = item_of(1, {request({3}, 2), request({4, 5}, 2, 7)});
  item.update({{"shared", 0}, {"task", "t"}, {"group", "stem"}});
  Json all = document(Json::array({item}));
  all["shared"] = {{1, 2}};
  write_items(path(), all);
  const PreparedItems prepared = read_prepared_items(path(), kVocabulary);
  const PreparedItem& read = prepared.items.at(0);
  EXPECT_EQ(read.task, "t");
  EXPECT_EQ(read.group, "stem");
  EXPECT_THAT(read.requests[1].tokens, ElementsAre(1, 2, 4, 5));
  EXPECT_EQ(read.requests[1].length, 7);
}

TEST_F(Prepared, WrongItemsAreErrors) {
  const Json fine = request({1, 2}, 1);
  Json without_gold = item_of(0, {fine});
  without_gold.erase("gold");
  expect_items_error(Json::array({item_of(1, {fine})}), "gold is 1");
  expect_items_error(Json::array({without_gold}), "'gold' not found");
  expect_items_error(Json::array({item_of(0, {request({1, 2}, 2)})}),
                     "scored_from is 2 in a request of 2 tokens");
  expect_items_error(Json::array({item_of(0, {request({1, 101}, 1)})}),
                     "item 1, answer 1, token 2 of its prompt: token 101 is beyond");
  expect_items_error(Json::array(), "no items");
}

/// The model has 40 positions: a request of 41 tokens is run whole, the last token is only scored.
TEST_F(Prepared, ContextsThatAreCutOrEndInsideATokenAreCountedAmongTheScoredItems) {
  const Model model = small_model(true, 21);
  const auto item_with = [](std::int64_t tokens, bool spans) {
    Json item =
        item_of(0, {request({1, 2}, 1), request(some_tokens(3, tokens, 101), 1 + tokens / 2)});
    if (spans) item["spans"] = true;
    return item;
  };
  write_items(path(), document(Json::array({item_with(41, false), item_with(42, true),
                                            item_with(4, true), item_with(60, false)})));
  for (const char* kind : {"multiple_choice", "last_word"}) {
    RecordingContext all(model, model, path());
    run_kind(kind, all, Json::object());
    ASSERT_EQ(all.remarks.size(), 2U) << kind;
    EXPECT_EQ(all.remarks[0].first, "items_cut_context");
    EXPECT_THAT(all.remarks[0].second,
                HasSubstr("2 of 4 items are longer than the model's 40 pos"));
    EXPECT_EQ(all.remarks[1].first, "items_spanning_token");
    EXPECT_THAT(all.remarks[1].second, HasSubstr("2 of 4 items"));
    RecordingContext two(model, model, path());
    run_kind(kind, two, {{"limit", 2}});
    ASSERT_EQ(two.remarks.size(), 2U);
    EXPECT_THAT(two.remarks[0].second, HasSubstr("1 of 2 items"));
    RecordingContext one(model, model, path());
    run_kind(kind, one, {{"limit", 1}});
    EXPECT_TRUE(one.remarks.empty());
  }
}

TEST_F(Prepared, LimitIsPerSubtask) {
  PreparedItems prepared;
  for (const char* task : {"a", "a", "b", "a", "b"}) {
    PreparedItem item;
    item.task = task;
    prepared.items.push_back(item);
  }
  PreparedItems all = prepared;
  limit_items(all, 0);
  EXPECT_EQ(all.items.size(), 5U);
  limit_items(prepared, 1);
  ASSERT_EQ(prepared.items.size(), 2U);
  EXPECT_EQ(prepared.items[1].task, "b");
}

/// Items whose right answers follow from plain passes.
TEST_F(Prepared, MultipleChoiceEqualsPlainPasses) {
  const Model model = small_model(true, 21);
  Json items = Json::array();
  std::int64_t hits = 0, norm_hits = 0;
  std::vector<double> chosen;
  for (int i = 0; i < 12; ++i) {
    const auto seed = static_cast<std::uint64_t>(10 * i);
    const auto context = some_tokens(seed, 5, 101);
    std::vector<double> plain, normed;
    Json requests = Json::array();
    for (std::uint64_t c = 0; c < 3; ++c) {
      auto tokens = context;
      const auto answer = some_tokens(seed + c + 1, static_cast<std::int64_t>(c) + 1, 101);
      tokens.insert(tokens.end(), answer.begin(), answer.end());
      const double length = 1.0 + static_cast<double>(c) * 2;
      requests.push_back(request(tokens, 5, length));
      plain.push_back(naive_log_likelihood(model, tokens, 5));
      normed.push_back(plain.back() / length);
    }
    const auto best = [](const std::vector<double>& v) {
      return std::max_element(v.begin(), v.end()) - v.begin();
    };
    const int gold = i % 3;
    chosen.push_back(static_cast<double>(best(plain)));
    hits += best(plain) == gold ? 1 : 0;
    norm_hits += best(normed) == gold ? 1 : 0;
    items.push_back({{"hash", std::to_string(i)},
                     {"gold", gold},
                     {"requests", requests},
                     {"task", "t"},
                     {"group", i < 6 ? "stem" : "other"}});
  }
  write_items(path(), document(items));
  RecordingContext context(model, model, path());
  run_kind("multiple_choice", context, Json::object());
  EXPECT_EQ(context.metrics.at("acc").value.value(), static_cast<double>(hits) / 12);
  EXPECT_EQ(context.metrics.at("acc_norm").value.value(), static_cast<double>(norm_hits) / 12);
  EXPECT_EQ(context.metrics.at("acc/stem").n, 6);
  ASSERT_EQ(context.items.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(context.items[i].score.value(), chosen[i]);
    EXPECT_EQ(context.items[i].item_hash, std::to_string(i));
  }
  const double share = static_cast<double>(hits) / 12;
  EXPECT_NEAR(context.metrics.at("acc").std_error.value(), std::sqrt(share * (1 - share) / 11),
              1e-12);

  expect_made_of_items("multiple_choice", context);

  RecordingContext limited(model, model, path());
  run_kind("multiple_choice", limited, {{"limit", 4}});
  EXPECT_EQ(limited.items.size(), 4U);
}

TEST_F(Prepared, TasksWithoutAccNormReportNone) {
  const Model model = small_model(true, 21);
  const Json item = item_of(0, {request({1, 2}, 1)});
  write_items(path(), document(Json::array({item}), Json::array({"acc"})));
  RecordingContext context(model, model, path());
  run_kind("multiple_choice", context, Json::object());
  EXPECT_EQ(context.metrics.size(), 1U);
}

TEST_F(Prepared, BrokenModelsHaveNoAccuracy) {
  Model model = small_model(true, 21);
  model.layers()[0].dense(Slot::kDown).weight().fill_(NAN);
  write_items(path(), document(Json::array({item_of(0, {request({1, 2, 3}, 1)})})));
  RecordingContext choice(model, model, path());
  run_kind("multiple_choice", choice, Json::object());
  EXPECT_TRUE(std::isnan(choice.metrics.at("acc").value.value()));
  EXPECT_TRUE(std::isnan(choice.metrics.at("acc_norm").value.value()));
  EXPECT_FALSE(choice.items.at(0).nll.has_value());
  RecordingContext word(model, model, path());
  run_kind("last_word", word, Json::object());
  EXPECT_TRUE(std::isnan(word.metrics.at("acc").value.value()));
  EXPECT_TRUE(std::isnan(word.metrics.at("perplexity").value.value()));
}

TEST_F(Prepared, LastWordIsScoredByLikelihoodAndGreedily) {
  const Model model = small_model(false, 21);
  Json items = Json::array();
  double sum = 0;
  for (int i = 0; i < 5; ++i) {
    const auto tokens = some_tokens(static_cast<std::uint64_t>(i), 8, 101);
    sum -= naive_log_likelihood(model, tokens, 6);
    items.push_back(item_of(0, {request(tokens, 6)}));
  }
  write_items(path(), document(items));
  RecordingContext context(model, model, path());
  run_kind("last_word", context, Json::object());
  EXPECT_NEAR(context.metrics.at("perplexity").value.value() / std::exp(sum / 5), 1, 1e-5);
  EXPECT_EQ(context.metrics.at("acc").value.value(), 0);
  EXPECT_EQ(context.items.at(4).tokens, 2);
  expect_made_of_items("last_word", context);
}

}  // namespace
}  // namespace assay
