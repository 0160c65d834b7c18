#pragma once
// Requests that share a beginning, as a tree of tokens: what is common is run once.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "harness/suite/prepared.h"

namespace assay {

/// A continuation token to be scored: node `parent` predicts `token`.
struct TreeTarget {
  std::int64_t parent = 0;
  std::int64_t token = 0;
};

/// Tokens that fall off at the left end of a request before it is run.
std::int64_t tokens_cut(const ScoredRequest& request, std::int64_t max_positions);

/// Nodes are numbered in the order of insertion, parents first. A request's last token is only
/// scored, never run, so it gets no node. A node belongs to prompts or to what follows them: the
/// same token in both roles is two nodes.
class TokenTree {
 public:
  /// Adds the request cut from the left to its last `max_positions` + 1 tokens, so that
  /// `max_positions` are run. Returns its targets, first continuation token first.
  /// Throws UserError when the continuation alone is longer than `max_positions`.
  std::vector<TreeTarget> add(const ScoredRequest& request, std::int64_t max_positions);

  /// Nodes that `add` would create.
  [[nodiscard]] std::int64_t growth(const ScoredRequest& request, std::int64_t max_positions) const;

  [[nodiscard]] std::int64_t size() const { return std::ssize(tokens_); }
  [[nodiscard]] const std::vector<std::int64_t>& tokens() const { return tokens_; }
  /// Depth in the tree: 0 for a first token.
  [[nodiscard]] const std::vector<std::int64_t>& positions() const { return positions_; }
  /// Whether a node is of a prompt: of the tokens before the first scored one.
  [[nodiscard]] const std::vector<bool>& prompt() const { return prompt_; }
  /// bool [size, size]: a node attends to itself and its ancestors. Undefined for a tree without
  /// branches, which is plain causal attention.
  [[nodiscard]] at::Tensor mask() const;

 private:
  /// -1: there is none.
  [[nodiscard]] std::int64_t child(std::int64_t parent, std::int64_t token, bool prompt) const;

  std::vector<std::int64_t> tokens_, positions_, parents_;  ///< parent -1: a first token
  std::vector<bool> prompt_;
  std::unordered_map<std::uint64_t, std::int64_t> children_;
  bool branches_ = false;
};

}  // namespace assay
