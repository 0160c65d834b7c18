#pragma once
// Keys and values that are computed when a later token chooses their head.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/model/standard_attention.h"

namespace assay {

/// Tokens whose keys may wait. With the last of them the keys of all are computed, as in DejaVu's
/// released code.
inline constexpr std::int64_t kMostWaiting = 16;

/// How many rows of k and v each row of a pass that scores would have had computed for each head,
/// were its sequence decoded from the first token on -> int64 [rows, kv_heads]. keyed bool [rows,
/// kv_heads]: heads whose keys a row needs.
at::Tensor rows_due_if_decoded(const StepContext& step, const at::Tensor& keyed);

/// What a block keeps of the sequences of a cache while keys wait.
class LateKeys {
 public:
  /// A decoded step with heads `keyed`, bool [batch, kv_heads] -> int64 [batch, kv_heads]: rows of
  /// k and v to be computed for each, its own and those that waited. `row` [1, width]: what the
  /// block got, where keys are computed by compute() only; undefined where all are computed at
  /// once, and it is only counted.
  at::Tensor note(const StepContext& step, const at::Tensor& keyed, const at::Tensor& row);
  /// Computes the last due[head] rows into the cache. due: int64 [kv_heads] on the CPU.
  void compute(const StandardAttention& attention, const StepContext& step,
               const at::Tensor& due) const;
  /// Computes all that wait, before a step of another kind.
  void finish(const StandardAttention& attention, const StepContext& step);

 private:
  struct Token {
    at::Tensor keyed;          ///< bool [batch, kv_heads]
    at::Tensor row, cos, sin;  ///< of one sequence, or undefined
  };
  /// Forgets tokens that the cache does not hold, and all where it holds others behind them.
  void follow(std::int64_t length);
  void restart(std::int64_t length);
  void compute_head(const StandardAttention& attention, const StepContext& step, std::int64_t head,
                    std::int64_t count) const;
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }

  std::int64_t begin_ = 0;  ///< position in the cache of the first
  std::vector<Token> tokens_;
};

}  // namespace assay
