// Shared and packed scoring against one plain pass a request.
#include "harness/suite/tree_scorer.h"

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/suite/suite_fixture.h"
#include "harness/suite/token_tree.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Tokens = std::vector<std::int64_t>;

Tokens operator+(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// `count` items of four candidates; the contexts of one subtask begin with `shared`.
std::vector<PreparedItem> make_items(std::int64_t count, const Tokens& shared) {
  std::vector<PreparedItem> items;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(100 * i);
    const Tokens context = shared + some_tokens(seed, 1 + i % 7, 101);
    PreparedItem item;
    item.hash = std::to_string(i);
    for (std::uint64_t c = 0; c < 4; ++c) {
      // Lengths 1 to 4; candidates 2 and 3 begin alike.
      const Tokens answer = some_tokens(seed + std::min<std::uint64_t>(c, 2) + 1,
                                        static_cast<std::int64_t>(c) + 1, 101);
      item.requests.push_back({context + answer, std::ssize(context), 1});
    }
    items.push_back(item);
  }
  return items;
}

std::vector<std::vector<RequestScore>> scores_of(const Model& model,
                                                 const std::vector<PreparedItem>& items,
                                                 const TreeScorerOptions& options) {
  ScoreLog nothing_kept;
  return score_items(model, items, options, nothing_kept, [](std::int64_t) {});
}

void expect_naive(const Model& model, const std::vector<PreparedItem>& items,
                  const TreeScorerOptions& options) {
  std::int64_t finished = 0;
  ScoreLog log;
  const auto scores =
      score_items(model, items, options, log, [&](std::int64_t done) { finished = done; });
  EXPECT_EQ(finished, std::ssize(items));
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t r = 0; r < items[i].requests.size(); ++r) {
      const ScoredRequest& request = items[i].requests[r];
      EXPECT_NEAR(scores[i][r].log_likelihood,
                  naive_log_likelihood(model, request.tokens, request.scored_from), 1e-4)
          << "item " << i << " request " << r;
      EXPECT_EQ(scores[i][r].tokens, std::ssize(request.tokens) - request.scored_from);
    }
  }
}

TEST(TokenTree, ATokenOfAPromptAndOneOfAnAnswerAreTwoNodes) {
  TokenTree tree;
  (void)tree.add({{5, 6, 7, 8}, 2, 1}, 100);  // prompt 5 6, answer 7 8
  EXPECT_EQ(tree.growth({{5, 6, 7, 9}, 3, 1}, 100), 1);
  (void)tree.add({{5, 6, 7, 9}, 3, 1}, 100);  // prompt 5 6 7, answer 9
  EXPECT_THAT(tree.tokens(), ElementsAre(5, 6, 7, 7));
  EXPECT_THAT(tree.prompt(), ElementsAre(true, true, false, true));
}

TEST(TokenTree, RunsACommonBeginningOnce) {
  TokenTree tree;
  EXPECT_EQ(tree.growth({{5, 6, 7, 8}, 2, 1}, 100), 3);
  EXPECT_THAT(tree.add({{5, 6, 7, 8}, 2, 1}, 100).size(), 2);
  EXPECT_EQ(tree.size(), 3);
  EXPECT_FALSE(tree.mask().defined());
  EXPECT_EQ(tree.growth({{5, 6, 9, 8}, 2, 1}, 100), 1);
  const auto targets = tree.add({{5, 6, 9, 8}, 2, 1}, 100);
  EXPECT_THAT(tree.tokens(), ElementsAre(5, 6, 7, 9));
  EXPECT_THAT(tree.positions(), ElementsAre(0, 1, 2, 2));
  EXPECT_EQ(targets[0].parent, 1);
  EXPECT_EQ(targets[0].token, 9);
  EXPECT_EQ(targets[1].parent, 3);
  // Answers of one token add nothing.
  EXPECT_EQ(tree.growth({{5, 6, 1}, 2, 1}, 100), 0);
}

TEST(TokenTree, MaskShowsAncestorsOnly) {
  TokenTree tree;
  (void)tree.add({{1, 2, 3, 0}, 3, 1}, 100);
  (void)tree.add({{1, 4, 5, 0}, 3, 1}, 100);
  const at::Tensor mask = tree.mask();
  const std::vector<std::vector<bool>> expected = {{true, false, false, false, false},
                                                   {true, true, false, false, false},
                                                   {true, true, true, false, false},
                                                   {true, false, false, true, false},
                                                   {true, false, false, true, true}};
  ASSERT_EQ(mask.size(0), 5);
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      EXPECT_EQ(mask[i][j].item<bool>(),
                expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)])
          << i << ' ' << j;
    }
  }
}

TEST(TokenTree, LongRequestsLoseTheirBeginning) {
  TokenTree tree;
  const auto targets = tree.add({{1, 2, 3, 4, 5, 6}, 4, 1}, 3);
  EXPECT_THAT(tree.tokens(), ElementsAre(3, 4, 5));
  EXPECT_THAT(tree.positions(), ElementsAre(0, 1, 2));
  EXPECT_EQ(targets.front().token, 5);
  EXPECT_EQ(targets.front().parent, 1);
  EXPECT_THAT(
      [] {
        TokenTree().add({{1, 2, 3, 4, 5, 6}, 1, 1}, 3);
      },
      ThrowsMessage<UserError>(HasSubstr("does not fit into the model's 3 positions")));
}

class ScoresOf : public testing::TestWithParam<bool> {};

TEST_P(ScoresOf, EqualPlainPasses) {
  const Model model = small_model(GetParam(), 11);
  expect_naive(model, make_items(40, {}), {});
}

TEST_P(ScoresOf, DoNotDependOnThePacking) {
  const Model model = small_model(GetParam(), 11);
  TreeScorerOptions options;
  options.pack_tokens = 1;
  expect_naive(model, make_items(8, {}), options);
  options.pack_tokens = 37;
  expect_naive(model, make_items(20, {}), options);
}

/// Counts the texts of the passes that it is run in, and those that branch.
struct Texts {
  std::int64_t all = 0, branching = 0;
};
class Counting final : public Ffn {
 public:
  Counting(std::unique_ptr<Ffn> inner, Texts& texts) : inner_(std::move(inner)), texts_(texts) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    for (const Segment& segment : *step.visibility.segments) {
      ++texts_.all;
      texts_.branching += segment.mask.defined() ? 1 : 0;
    }
    return inner_->forward(rows, step);
  }
  [[nodiscard]] Linear* linear(Slot slot) const override { return inner_->linear(slot); }
  void replace_linear(Slot, std::unique_ptr<Linear>) override {}
  [[nodiscard]] std::unique_ptr<Ffn> share() const override {
    return std::make_unique<Counting>(inner_->share(), texts_);
  }
  void visit_tensors(const VisitTensor& visit) override { inner_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return inner_->cost(); }

 private:
  std::unique_ptr<Ffn> inner_;
  Texts& texts_;
};

TEST_P(ScoresOf, DoNotDependOnSharing) {
  const Model plain = small_model(GetParam(), 11);
  Model counted = small_model(GetParam(), 11);
  Texts texts;
  std::unique_ptr<Ffn>& ffn = counted.layers().front().ffn;
  ffn = std::make_unique<Counting>(std::move(ffn), texts);
  TreeScorerOptions options;
  for (const bool share : {true, false}) {
    texts = {};
    options.share_beginnings = share;
    expect_naive(plain, make_items(20, {}), options);
    (void)scores_of(counted, make_items(20, {}), options);
    EXPECT_EQ(texts.all, share ? 20 : 80);
    EXPECT_EQ(texts.branching > 0, share);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ScoresOf, testing::Bool());

Model long_model() {
  const ScratchFolder folder;
  write_file_atomically(folder.path() / "config.json", R"({"model_type": "llama",
    "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 101, "max_position_embeddings": 200, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
    "torch_dtype": "float32"})");
  LoadOptions options;
  options.random_weights = true;
  return Model::load(folder.path(), options);
}

TEST(Scores, OfItemsThatShareALongBeginningEqualPlainPasses) {
  const Model model = long_model();
  const Tokens first = some_tokens(1, 90, 101), second = some_tokens(2, 80, 101);
  std::vector<PreparedItem> items = make_items(20, first);
  for (PreparedItem& item : items) item.task = "a";
  for (PreparedItem& item : make_items(10, second)) {
    item.task = "b";
    items.push_back(item);
  }
  expect_naive(model, items, {});
  TreeScorerOptions options;
  options.merged_tokens = 60;  // several trees a subtask
  expect_naive(model, items, options);
}

TEST(Scores, AnAnswerThatIsTooLongIsNamed) {
  const Model model = small_model(false, 11);
  PreparedItem item;
  item.place = "q.jsonl:7";
  item.requests = {{some_tokens(5, 60, 101), 55, 1}, {some_tokens(5, 60, 101), 10, 1}};
  EXPECT_THAT([&] { (void)scores_of(model, {item}, {}); },
              ThrowsMessage<DoesNotApply>(
                  HasSubstr("q.jsonl:7: answer 2 has 50 tokens, and the model sees 40 positions")));
}

TEST(Scores, OfLongRequestsKeepTheContinuation) {
  const Model model = small_model(false, 11);
  const Tokens tokens = some_tokens(5, 60, 101);
  PreparedItem item;
  item.gold = 0;
  item.requests = {{tokens, 55, 1}, {tokens + Tokens{7}, 55, 1}};
  const auto scores = scores_of(model, {item}, {});
  for (std::size_t r = 0; r < 2; ++r) {
    const Tokens& whole = item.requests[r].tokens;
    // 41 tokens, of which the last one is not run, so that 40 positions are enough.
    const Tokens run(whole.end() - 41, whole.end() - 1);
    const at::Tensor input = at::tensor(run, at::kLong).unsqueeze(0);
    const at::Tensor log_probs = at::log_softmax(model.logits(model.hidden(input)), 1);
    double expected = 0;
    for (std::int64_t i = 55 - (std::ssize(whole) - 41); i <= 40; ++i) {
      const std::int64_t target = whole[whole.size() - 41 + static_cast<std::size_t>(i)];
      expected += log_probs[i - 1][target].item<double>();
    }
    EXPECT_NEAR(scores[0][r].log_likelihood, expected, 1e-4);
  }
}

TEST(Scores, GreedyIsAskedForAndExact) {
  const Model model = small_model(true, 11);
  const Tokens context = some_tokens(9, 6, 101);
  // The most likely two tokens, found one after the other.
  Tokens best = context;
  for (int step = 0; step < 2; ++step) {
    double highest = -INFINITY;
    std::int64_t choice = 0;
    for (std::int64_t token = 0; token < 101; ++token) {
      const double value = naive_log_likelihood(model, best + Tokens{token}, std::ssize(best));
      if (value > highest) {
        highest = value;
        choice = token;
      }
    }
    best.push_back(choice);
  }
  Tokens wrong = best;
  wrong.back() = (wrong.back() + 1) % 101;
  PreparedItem item;
  item.gold = 0;
  item.requests = {{best, 6, 1}, {wrong, 6, 1}};
  TreeScorerOptions options;
  options.want_greedy = true;
  const auto scores = scores_of(model, {item}, options);
  EXPECT_TRUE(scores[0][0].greedy);
  EXPECT_FALSE(scores[0][1].greedy);
  EXPECT_FALSE(scores_of(model, {item}, {})[0][0].greedy);
}

}  // namespace
}  // namespace assay
