#include "harness/suite/tree_scorer.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index.h>
#include <ATen/ops/index_select.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <tuple>

#include "harness/base/cell_errors.h"
#include "harness/suite/token_scores.h"
#include "harness/suite/token_tree.h"

namespace assay {
namespace {

/// A common beginning shorter than this is not worth a larger attention matrix.
constexpr std::int64_t kWorthSharing = 64;

/// Where the targets of one request are.
struct RequestPlace {
  std::size_t item = 0, request = 0;
  std::vector<TreeTarget> targets;
};

struct Tree {
  TokenTree tokens;
  std::vector<RequestPlace> requests;
  std::int64_t items = 0;
};

/// A target in a pack: row of the packed tokens, then the token that it should predict.
struct PackedTarget {
  std::int64_t row = 0, token = 0;
  RequestScore* score = nullptr;
};

at::Tensor to_tensor(std::vector<std::int64_t>& values, at::Device device) {
  return at::from_blob(values.data(), {std::ssize(values)}, at::kLong).clone().to(device);
}

std::int64_t common_beginning(const ScoredRequest& a, const ScoredRequest& b) {
  const auto ends =
      std::mismatch(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  return ends.first - a.tokens.begin();
}

/// Groups items into trees.
class TreeBuilder {
 public:
  TreeBuilder(std::int64_t max_positions, const TreeScorerOptions& options)
      : max_positions_(max_positions), options_(options) {}

  void add(const std::vector<PreparedItem>& items, std::size_t index) {
    const PreparedItem& item = items[index];
    if (!fits_last(item)) trees_.emplace_back();
    for (std::size_t r = 0; r < item.requests.size(); ++r) {
      require_fits(item, r);
      if (r > 0 && !options_.share_beginnings) trees_.emplace_back();
      Tree& tree = trees_.back();
      tree.requests.push_back({index, r, tree.tokens.add(item.requests[r], max_positions_)});
    }
    Tree& tree = trees_.back();
    if (tree.items++ == 0) {
      first_size_ = tree.tokens.size();
      first_ = &item.requests.front();
    }
  }

  std::vector<Tree> take() { return std::move(trees_); }

 private:
  /// A cut request starts elsewhere, so only whole ones may share.
  [[nodiscard]] bool is_whole(const ScoredRequest& request) const {
    return std::ssize(request.tokens) <= max_positions_ + 1;
  }

  /// As TokenTree::add, with the place of the question.
  void require_fits(const PreparedItem& item, std::size_t answer) const {
    const ScoredRequest& request = item.requests[answer];
    const std::int64_t scored = std::ssize(request.tokens) - request.scored_from;
    if (scored <= max_positions_) return;
    throw DoesNotApply(fmt::format(
        "{}answer {} has {} tokens, and the model sees {} positions: take the question out, or use "
        "a model that sees more",
        item.place.empty() ? "" : item.place + ": ", answer + 1, scored, max_positions_));
  }

  [[nodiscard]] bool fits_last(const PreparedItem& item) const {
    if (trees_.empty() || !options_.share_beginnings) return false;
    const ScoredRequest& request = item.requests.front();
    if (!is_whole(request) || !is_whole(*first_)) return false;
    if (common_beginning(*first_, request) < kWorthSharing) return false;
    std::int64_t growth = 0;
    for (const ScoredRequest& one : item.requests) {
      growth += trees_.back().tokens.growth(one, max_positions_);
    }
    return trees_.back().tokens.size() + growth - first_size_ <= options_.merged_tokens;
  }

  std::int64_t max_positions_;
  TreeScorerOptions options_;
  std::vector<Tree> trees_;
  std::int64_t first_size_ = 0;
  const ScoredRequest* first_ = nullptr;
};

/// Several trees run together.
class Pack {
 public:
  void add(const Tree& tree, std::vector<std::vector<RequestScore>>& scores) {
    const auto offset = std::ssize(tokens_);
    const TokenTree& nodes = tree.tokens;
    tokens_.insert(tokens_.end(), nodes.tokens().begin(), nodes.tokens().end());
    positions_.insert(positions_.end(), nodes.positions().begin(), nodes.positions().end());
    prompt_.insert(prompt_.end(), nodes.prompt().begin(), nodes.prompt().end());
    segments_.push_back({offset, nodes.size(), nodes.mask()});
    for (const RequestPlace& place : tree.requests) {
      RequestScore& score = scores[place.item][place.request];
      score = {0, true, std::ssize(place.targets)};
      scores_.push_back(&score);
      for (const TreeTarget& target : place.targets) {
        targets_.push_back({offset + target.parent, target.token, &score});
      }
    }
    items_ += tree.items;
  }

  [[nodiscard]] std::int64_t size() const { return std::ssize(tokens_); }
  [[nodiscard]] std::int64_t items() const { return items_; }

  /// Fills the scores of the pack's requests.
  void score(const Model& model, bool want_greedy, ScoreLog& log) {
    const std::vector<double> numbers = log.next(2 * scores_.size(), [&] {
      run(model, want_greedy);
      std::vector<double> found;
      for (const RequestScore* one : scores_) {
        found.insert(found.end(), {one->log_likelihood, one->greedy ? 1.0 : 0.0});
      }
      return found;
    });
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      scores_[i]->log_likelihood = numbers[2 * i];
      scores_[i]->greedy = numbers[2 * i + 1] != 0;
    }
  }

 private:
  void run(const Model& model, bool want_greedy) {
    const at::Device device = model.device();
    for (Segment& segment : segments_) {
      if (segment.mask.defined()) segment.mask = segment.mask.to(device);
    }
    const at::Tensor hidden = model.hidden_packed({to_tensor(tokens_, device),
                                                   to_tensor(positions_, device),
                                                   {},
                                                   segments_,
                                                   to_tensor(prompt_, device).to(at::kBool)});
    std::vector<std::int64_t> rows = predicting_rows();
    const at::Tensor predicting = hidden.index_select(0, to_tensor(rows, device));
    std::size_t next = 0;
    for_each_log_softmax(model, predicting, [&](std::int64_t begin, const at::Tensor& log_probs) {
      const std::size_t first = next;
      const std::int64_t end = begin + log_probs.size(0);
      while (next < targets_.size() && targets_[next].row < end) ++next;
      read(log_probs, begin, {targets_.data() + first, next - first}, want_greedy);
    });
  }

  /// The rows whose logits are needed, each once; targets then name their place in that list.
  std::vector<std::int64_t> predicting_rows() {
    std::stable_sort(targets_.begin(), targets_.end(),
                     [](const PackedTarget& a, const PackedTarget& b) { return a.row < b.row; });
    std::vector<std::int64_t> rows;
    for (PackedTarget& target : targets_) {
      if (rows.empty() || rows.back() != target.row) rows.push_back(target.row);
      target.row = std::ssize(rows) - 1;
    }
    return rows;
  }

  static void read(const at::Tensor& log_probs, std::int64_t begin, std::span<PackedTarget> targets,
                   bool want_greedy) {
    std::vector<std::int64_t> rows, tokens;
    for (const PackedTarget& target : targets) {
      rows.push_back(target.row - begin);
      tokens.push_back(target.token);
    }
    const at::Device device = log_probs.device();
    const at::Tensor picked =
        log_probs.index({to_tensor(rows, device), to_tensor(tokens, device)}).cpu();
    const at::Tensor top = want_greedy ? log_probs.argmax(1).cpu() : at::Tensor();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      RequestScore& score = *targets[i].score;
      score.log_likelihood += picked.const_data_ptr<float>()[i];
      score.greedy = want_greedy && score.greedy &&
                     top.const_data_ptr<std::int64_t>()[rows[i]] == targets[i].token;
    }
  }

  std::vector<std::int64_t> tokens_, positions_;
  std::vector<std::int64_t> prompt_;  ///< 1: of a prompt
  std::vector<Segment> segments_;
  std::vector<PackedTarget> targets_;
  std::vector<RequestScore*> scores_;  ///< of all requests, in the order in which they came
  std::int64_t items_ = 0;
};

/// Items of one subtask together and short ones first, so that the trees of a pack are alike.
std::vector<std::size_t> order_of(const std::vector<PreparedItem>& items) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](std::size_t i) {
    return std::tuple<const std::string&, std::size_t>(items[i].task,
                                                       items[i].requests.front().tokens.size());
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

}  // namespace

std::vector<std::vector<RequestScore>> score_items(const Model& model,
                                                   const std::vector<PreparedItem>& items,
                                                   const TreeScorerOptions& options, ScoreLog& log,
                                                   const std::function<void(std::int64_t)>& done) {
  std::vector<std::vector<RequestScore>> scores;
  for (const PreparedItem& item : items) scores.emplace_back(item.requests.size());
  TreeBuilder builder(model.spec().max_positions, options);
  for (const std::size_t index : order_of(items)) builder.add(items, index);

  std::int64_t finished = 0;
  Pack pack;
  const auto flush = [&] {
    if (pack.size() == 0) return;
    pack.score(model, options.want_greedy, log);
    finished += pack.items();
    done(finished);
    pack = Pack();
  };
  for (const Tree& tree : builder.take()) {
    if (pack.size() + tree.tokens.size() > options.pack_tokens) flush();
    pack.add(tree, scores);
  }
  flush();
  return scores;
}

}  // namespace assay
