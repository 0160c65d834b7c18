#pragma once
// The seams of a model: abstract blocks that the decoder runs and a method may replace.
//
// Activations are two-dimensional: rows = batch * tokens (batch-major), columns = features.
// Everything is contiguous and in the model's dtype unless said otherwise.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/checkpoint/spec.h"

namespace assay {

class KvCache;
class ActivationRecorder;

/// kPrefill without a cache is a whole pass that scores: blocks with a policy for prompts then
/// compute what decoding would.
enum class Phase { kPrefill, kDecode };

/// What blocks whose work depends on the input tell of each token.
enum class StepFact {
  kTouchedBytes,   ///< weights read beyond those that Cost::touched_bytes counts
  kFlops,          ///< work with weights beyond what Cost::flops_per_token counts
  kFallbackShare,  ///< of the neurons: how many were computed exactly
};

/// Tokens [offset, offset + length) of a packed row that attend only to each other.
struct Segment {
  std::int64_t offset = 0;
  std::int64_t length = 0;
  at::Tensor mask;  ///< bool [length, length], true = may attend; undefined = causal
};

/// Receives what blocks did where that depends on the input, one value a row of the step.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// values f32 [rows] on any device.
  virtual void observe(std::int64_t layer, StepFact fact, const at::Tensor& values) = 0;
};

struct StepContext;

/// Sees, and may settle, what blocks decide for each row from its input (which neurons a token
/// takes, say). A decision is a comparison with an edge: two equally right paths whose rounding
/// differs can fall on different sides of it. Settled decisions let the paths be compared.
class Decisions {
 public:
  virtual ~Decisions() = default;
  /// What the block found, bool [rows, choices] on its device -> what it shall do, likewise.
  [[nodiscard]] virtual at::Tensor settle(const StepContext& step, const at::Tensor& found) = 0;
};

/// What a block may know about the step it runs in. Owned by the decoder, alive for one forward.
struct StepContext {
  Phase phase = Phase::kPrefill;
  std::int64_t batch = 1;
  std::int64_t tokens = 0;  ///< per batch row in this step; rows = batch * tokens
  std::int64_t layer = 0;   ///< index of the running layer
  at::Tensor positions;     ///< int64 [rows]
  const std::vector<Segment>* segments = nullptr;  ///< packed form; then batch == 1
  KvCache* cache = nullptr;                        ///< appended to when set
  ActivationRecorder* recorder = nullptr;          ///< fed when set
  StepObserver* observer = nullptr;                ///< told when set
  Decisions* decisions = nullptr;                  ///< asked when set
  at::Tensor rope_cos, rope_sin;  ///< f32 [rows, rotary_dim / 2] when positions are rotary
  /// What the scaled scores get before the softmax: bool [tokens, keys] (true = may attend) or f32
  /// [1, heads, tokens or 1, keys] with ALiBi; undefined = causal over all keys.
  at::Tensor mask;
  std::vector<at::Tensor> segment_masks;  ///< the same for each segment; undefined = causal
};

/// Where a recorder may listen.
enum class Tap {
  kQkvInput,   ///< input of q, k and v  [rows, width]
  kOutInput,   ///< heads' context, input of the output projection  [rows, heads * head_dim]
  kFfnInput,   ///< input of gate and up (fc1)  [rows, width]
  kDownInput,  ///< input of down (fc2)  [rows, ffn_width]
};

/// Receives activations from the blocks, in the model's dtype. Must not keep or change them.
class ActivationRecorder {
 public:
  virtual ~ActivationRecorder() = default;
  virtual void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
                      const StepContext& step) = 0;
};

/// Sizes and work of a block, from its tensors. Sums over a model make the accounting.
struct Cost {
  std::int64_t params = 0;           ///< logical parameters, zeros included
  std::int64_t nonzero = 0;          ///< parameters that are not exactly zero
  std::int64_t resident_bytes = 0;   ///< held in the device's memory to run
  std::int64_t host_bytes = 0;       ///< held in the host's memory beside it; 0 on a CPU
  std::int64_t touched_bytes = 0;    ///< read for any decoded token, batch 1
  std::int64_t flops_per_token = 0;  ///< executed, multiply and add counted apart
  Cost& operator+=(const Cost& other);
};

/// y = x W^T + b.
class Linear {
 public:
  virtual ~Linear() = default;
  /// rows [n, in] -> [n, out]
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows) const = 0;
  [[nodiscard]] virtual std::int64_t in_features() const = 0;
  [[nodiscard]] virtual std::int64_t out_features() const = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  /// Deep copy: own tensors. Throws std::logic_error for a block that does not say how.
  [[nodiscard]] virtual std::unique_ptr<Linear> clone() const;
};

/// The plain one. The weight may be a view into a fused tensor that the owning block multiplies at
/// once; change it in place (weight().copy_(...)), do not rebind.
class DenseLinear final : public Linear {
 public:
  /// weight [out, in], bias [out] or undefined
  DenseLinear(at::Tensor weight, at::Tensor bias);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t in_features() const override { return weight_.size(1); }
  [[nodiscard]] std::int64_t out_features() const override { return weight_.size(0); }
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Linear> clone() const override;
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

/// Linear slots of a layer. A plain FFN has kUp (fc1) and kDown (fc2), a gated one kGate as well.
enum class LinearRole { kQ, kK, kV, kO, kGate, kUp, kDown };

/// "q", "k", "v", "o", "gate", "up", "down".
const char* role_name(LinearRole role);
/// The tap whose activations are the input of this linear.
Tap input_tap(LinearRole role);

/// Hidden rows in (already normed), rows out (before the residual is added).
class Attention {
 public:
  virtual ~Attention() = default;
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows, StepContext& step) const = 0;
  /// The slot, or null when this block has no such linear.
  [[nodiscard]] virtual Linear* linear(LinearRole role) const = 0;
  /// Throws std::logic_error when this block has no such slot.
  virtual void replace_linear(LinearRole role, std::unique_ptr<Linear> block) = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  /// Deep copy: own tensors.
  [[nodiscard]] virtual std::unique_ptr<Attention> clone() const = 0;
};

class Ffn {
 public:
  virtual ~Ffn() = default;
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& rows, StepContext& step) const = 0;
  [[nodiscard]] virtual Linear* linear(LinearRole role) const = 0;
  virtual void replace_linear(LinearRole role, std::unique_ptr<Linear> block) = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Ffn> clone() const = 0;
  /// False where a prompt is computed otherwise than the same tokens one by one, by a policy.
  [[nodiscard]] virtual bool prefill_equals_decode() const { return true; }
};

}  // namespace assay
