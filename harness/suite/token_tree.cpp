#include "harness/suite/token_tree.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

/// Tokens and nodes are below 2^31.
std::uint64_t edge(std::int64_t parent, std::int64_t token, bool prompt) {
  return (static_cast<std::uint64_t>(parent + 1) << 32) | (static_cast<std::uint64_t>(token) << 1) |
         static_cast<std::uint64_t>(prompt);
}

}  // namespace

std::int64_t tokens_cut(const ScoredRequest& request, std::int64_t max_positions) {
  return std::max<std::int64_t>(0, std::ssize(request.tokens) - (max_positions + 1));
}

std::int64_t TokenTree::child(std::int64_t parent, std::int64_t token, bool prompt) const {
  const auto found = children_.find(edge(parent, token, prompt));
  return found == children_.end() ? -1 : found->second;
}

std::int64_t TokenTree::growth(const ScoredRequest& request, std::int64_t max_positions) const {
  const std::int64_t cut = tokens_cut(request, max_positions);
  const std::int64_t run = std::ssize(request.tokens) - 1 - cut;
  std::int64_t node = -1;
  for (std::int64_t i = 0; i < run; ++i) {
    node = child(node, request.tokens[static_cast<std::size_t>(cut + i)],
                 cut + i < request.scored_from);
    if (node < 0) return run - i;
  }
  return 0;
}

std::vector<TreeTarget> TokenTree::add(const ScoredRequest& request, std::int64_t max_positions) {
  const std::int64_t cut = tokens_cut(request, max_positions);
  const std::int64_t first_scored = request.scored_from - cut;
  if (first_scored < 1) {
    throw DoesNotApply(
        fmt::format("a continuation of {} tokens does not fit into the model's {} "
                    "positions",
                    std::ssize(request.tokens) - request.scored_from, max_positions));
  }
  const std::int64_t last = std::ssize(request.tokens) - cut - 1;
  std::vector<TreeTarget> targets;
  std::int64_t node = -1;
  for (std::int64_t i = 0; i <= last; ++i) {
    const std::int64_t token = request.tokens[static_cast<std::size_t>(cut + i)];
    if (i >= first_scored) targets.push_back({node, token});
    if (i == last) break;
    const bool prompt = i < first_scored;
    std::int64_t next = child(node, token, prompt);
    if (next < 0) {
      next = size();
      branches_ = branches_ || node != next - 1;
      tokens_.push_back(token);
      positions_.push_back(i);
      parents_.push_back(node);
      prompt_.push_back(prompt);
      children_.emplace(edge(node, token, prompt), next);
    }
    node = next;
  }
  return targets;
}

at::Tensor TokenTree::mask() const {
  if (!branches_) return {};
  const std::int64_t n = size();
  at::Tensor mask = at::zeros({n, n}, at::kBool);
  auto* bits = mask.mutable_data_ptr<bool>();
  for (std::int64_t i = 0; i < n; ++i) {
    bool* row = bits + i * n;
    const std::int64_t parent = parents_[static_cast<std::size_t>(i)];
    // Ancestors have smaller numbers, so that only the columns up to the parent can be set.
    if (parent >= 0) std::memcpy(row, bits + parent * n, static_cast<std::size_t>(parent + 1));
    row[i] = true;
  }
  return mask;
}

}  // namespace assay
