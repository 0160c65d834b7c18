#pragma once
// Generating over and over, timed step by step, for the suite kind `decode`.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/greedy_loop.h"
#include "harness/suite/timed.h"

namespace assay {

/// The work of a generation is fixed: a step costs more the more tokens stand before it, so that
/// more or fewer steps would be other work.
class Generations {
 public:
  /// prompt [batch, length]; `capacity` positions hold it and the longest generation.
  Generations(const Model& model, const at::Tensor& prompt, std::int64_t capacity);

  /// The prompt, then `steps` single tokens.
  void run(std::int64_t steps, bool warmup);
  /// Compares drawn steps with what the model computes when it is scored: one pass over prompt and
  /// generated tokens, without a cache. Where a prompt is computed by a policy that scoring does
  /// not have, or blocks decide, with the same steps taken again instead.
  void require_scored(SuiteContext& context);

  /// Seconds of the prompts and of the single tokens.
  [[nodiscard]] const SampleLog& first() const { return first_; }
  [[nodiscard]] const SampleLog& tokens() const { return tokens_; }
  /// Seconds of all that ran so far.
  [[nodiscard]] double total() const { return total_; }
  /// How the later half of the measured generations differs from the earlier one, step by step; a
  /// generation in the middle is in neither half.
  [[nodiscard]] std::optional<std::string> drift() const;

 private:
  struct Place {
    std::size_t generation = 0, step = 0;
  };
  /// Hidden rows [batch, length, width] of a whole pass over prompt and chosen tokens, or over a
  /// generation that begins with them.
  const at::Tensor& scored_rows(const std::vector<at::Tensor>& chosen);
  at::Tensor scored_logits(const std::vector<at::Tensor>& chosen, std::size_t step);
  at::Tensor repeated_logits(const std::vector<at::Tensor>& chosen, std::size_t step);

  const Model* model_;
  at::Tensor prompt_;
  GreedyLoop loop_;
  SampleLog first_, tokens_;
  double total_ = 0;
  std::vector<std::vector<at::Tensor>> chosen_;  ///< tokens [batch, 1] of each generation
  std::vector<std::vector<double>> measured_;    ///< seconds of each measured generation's steps
  std::vector<Place> steps_;                     ///< of every step ever taken
  DrawnOutputs drawn_;
  std::vector<std::pair<at::Tensor, at::Tensor>> passes_;  ///< tokens and rows of scored passes
};

}  // namespace assay
