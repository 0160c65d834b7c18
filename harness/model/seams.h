#pragma once
// The seams of a model: abstract blocks that it runs and a method may replace.
//
// Rows are contiguous and in the model's dtype unless said otherwise.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "harness/checkpoint/slot.h"
#include "harness/model/block.h"
#include "harness/model/step.h"

namespace assay {

/// y = x W^T + b.
class Linear : public Block {
 public:
  /// rows [n, in] -> [n, out]
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows) const = 0;
  [[nodiscard]] virtual std::int64_t in_features() const = 0;
  [[nodiscard]] virtual std::int64_t out_features() const = 0;
  /// A copy of the block that computes with the same tensors. Throws std::logic_error where a block
  /// does not say how.
  [[nodiscard]] virtual std::unique_ptr<Linear> share() const;
};

/// The tap whose activations are the input of this linear.
Tap input_tap(Slot slot);

/// Hidden rows in (already normed), rows out (before the residual is added).
class Attention : public Block {
 public:
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows, StepContext& step) const = 0;
  /// The slot, or null when this block has no such linear.
  [[nodiscard]] virtual Linear* linear(Slot slot) const = 0;
  /// Throws std::logic_error when this block has no such slot.
  virtual void replace_linear(Slot slot, std::unique_ptr<Linear> block) = 0;
  [[nodiscard]] virtual std::unique_ptr<Attention> share() const = 0;
  /// Lays weights that read the same rows side by side, so that they are one product. Last step
  /// before inference; passes that are differentiated do not use it.
  virtual void fuse() {}
};

/// The same. Each row by itself: a pass may leave out rows whose output nobody reads.
class Ffn : public Block {
 public:
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows, StepContext& step) const = 0;
  [[nodiscard]] virtual Linear* linear(Slot slot) const = 0;
  virtual void replace_linear(Slot slot, std::unique_ptr<Linear> block) = 0;
  /// Of a mixture: one of its feed-forward blocks, whose matrices are its own; null where there is
  /// none of this number.
  [[nodiscard]] virtual Ffn* expert(std::int64_t /*number*/) const { return nullptr; }
  [[nodiscard]] virtual std::int64_t experts() const { return 0; }
  [[nodiscard]] virtual std::unique_ptr<Ffn> share() const = 0;
  virtual void fuse() {}
  /// False where a prompt in a cache is computed otherwise than a pass that scores computes it, by
  /// a policy.
  [[nodiscard]] virtual bool prefill_equals_decode() const { return true; }
};

/// What stands before the first layer.
class Input : public Block {
 public:
  /// tokens int64 [n] with the step's positions and token types -> rows [n, width]. May change the
  /// step: the batch that goes in need not be the batch that runs through the layers.
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& tokens, StepContext& step) const = 0;
  /// Only these dimensions of the rows that it gives stay, int64 [n] in their new order; norms are
  /// over those that are there. Throws DoesNotApply where a block does not say how.
  virtual void select_width(const at::Tensor& dimensions);
  /// What the rows are made of, before each norm and behind it, is multiplied by these factors
  /// [width], as if a mask lay on the rows. Likewise.
  virtual void scale_width(const at::Tensor& factors);
  [[nodiscard]] virtual std::unique_ptr<Input> share() const = 0;
};

/// What stands after the last layer and its norm.
class Output : public Block {
 public:
  enum class Reads { kTokens, kSequences };
  /// Whether a row of every token is scored, or that of each sequence's first.
  [[nodiscard]] virtual Reads reads() const = 0;
  /// rows [n, width] -> scores [n, outputs] in the model's dtype
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows) const = 0;
  [[nodiscard]] virtual std::int64_t outputs() const = 0;
  /// rows [n, width], targets int64 [n] -> f32 [n]: log softmax(scores)[target], nats.
  [[nodiscard]] virtual at::Tensor log_likelihood(const at::Tensor& rows,
                                                  const at::Tensor& targets) const;
  /// The rows that it reads have only these dimensions left, int64 [n] in their new order. Throws
  /// DoesNotApply where a block does not say how.
  virtual void select_width(const at::Tensor& dimensions);
  /// What it lays beside the rows, in their dimensions, is multiplied by these factors [width]; the
  /// rows are so already. Nothing to do for a block that has no such thing.
  virtual void scale_width(const at::Tensor& /*factors*/) {}
  /// From now on drops this share of what the scores are made of; 0 ends it.
  virtual void drop(double /*share*/) {}
  [[nodiscard]] virtual std::unique_ptr<Output> share() const = 0;
};

}  // namespace assay
