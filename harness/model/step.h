#pragma once
// A pass: what blocks may know about the step they run in, and whom they tell what they do.
//
// Activations are two-dimensional: rows = batch * tokens (batch-major), columns = features.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/model/pass_state.h"

namespace assay {

class KvCache;
struct StepContext;

enum class Phase {
  kScore,    ///< whole sequences without a cache: blocks compute what decoding would
  kPrefill,  ///< a prompt, or a part of one, into a cache: a method may have a policy for it
  kDecode,   ///< one token a sequence over a cache
};

/// Tokens [offset, offset + length) of a packed row that attend only to each other.
struct Segment {
  std::int64_t offset = 0;
  std::int64_t length = 0;
  /// bool [length, length], true = may attend; undefined = as Visibility::causal says
  at::Tensor mask;
};

/// Which keys a query sees, for a whole pass. Padding never enters a pass: sequences of different
/// lengths are packed into segments.
struct Visibility {
  bool causal = true;                              ///< false: all tokens of the sequence
  const std::vector<Segment>* segments = nullptr;  ///< packed form; then batch == 1
};

/// The same in one layer, as its scores need it: its window and its ALiBi bias included.
struct LayerVisibility {
  bool causal = true;  ///< where a mask is undefined: keys up to the query, or all
  /// bool [tokens, keys] (true = may attend) or f32 [1, heads, tokens or 1, keys] to be added.
  at::Tensor mask;
  std::vector<at::Tensor> segment_masks;  ///< the same for each segment
};

/// A number that a block tells of each token. Named by whoever emits it.
struct StepFact {
  enum class Over { kSum, kMean };  ///< what the layers that told make of a token
  const char* name;                 ///< metric "step/<name>"
  Over layers;
};
/// Weights read beyond those that Cost::touched_bytes counts.
inline constexpr StepFact kTouchedBytes{"touched_bytes", StepFact::Over::kSum};
/// Work with weights beyond what Cost::flops_per_token counts.
inline constexpr StepFact kFlopsPerToken{"flops_per_token", StepFact::Over::kSum};

/// Receives what blocks did where that depends on the input, one value a row of the step.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// What is told from now on is of another pass. Whoever is never told so takes a layer that is
  /// not higher than the one before for the start of the next pass: then a layer tells a fact once.
  virtual void begin_pass() {}
  /// values f32 [rows] on any device.
  virtual void observe(std::int64_t layer, const StepFact& fact, const at::Tensor& values) = 0;
};

/// Where in a layer something is routed: which heads, neurons or experts a row takes, or which
/// entries of what its matrices read.
enum class RoutingSite { kHeads, kNeurons, kExperts, kQkvInput, kOutInput, kFfnInput, kDownInput };

/// Sees, and may settle, what blocks decide for each row from its input (which neurons a token
/// takes, say). A decision is a comparison with an edge: two equally right paths whose rounding
/// differs can fall on different sides of it. Settled decisions let the paths be compared.
class RoutingHook {
 public:
  virtual ~RoutingHook() = default;
  /// What the block found, bool [rows, choices] on its device -> what it shall do, likewise. At
  /// most once a layer, site and token.
  [[nodiscard]] virtual at::Tensor settle(const StepContext& step, RoutingSite site,
                                          const at::Tensor& found) = 0;
};

/// Where a recorder may listen.
enum class Tap {
  kQkvInput,         ///< input of q, k and v  [rows, width]
  kOutInput,         ///< heads' context, input of o  [rows, heads * head_dim]
  kFfnInput,         ///< input of gate and up, or of a router  [rows, width]
  kPreActivation,    ///< what the activation gets: of gate, or of up in a plain FFN  [rows,
                     ///< ffn_width]
  kDownInput,        ///< input of down  [rows, ffn_width]
  kAttentionStream,  ///< residual stream that attention reads, before a norm  [rows, width]
  kFfnStream,        ///< the same of the FFN
};

/// Receives activations from the blocks, in the model's dtype. Must not change them, and keeps
/// copies only; in a pass that is differentiated it may keep them, and ask for their gradients.
class ActivationRecorder {
 public:
  virtual ~ActivationRecorder() = default;
  virtual void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
                      const StepContext& step) = 0;
};

/// What a block may know about the step it runs in. Owned by the model, alive for one pass.
struct StepContext {
  Phase phase = Phase::kScore;
  std::int64_t batch = 1;
  std::int64_t tokens = 0;  ///< per batch row in this step; rows = batch * tokens
  std::int64_t layer = 0;   ///< index of the running layer
  /// The running expert of a mixture, whose rows are those that take it: what is recorded then is
  /// of them alone. All else here is of all rows. -1: outside of experts.
  std::int64_t expert = -1;
  at::Tensor positions;    ///< int64 [rows]
  std::int64_t end = 0;    ///< without segments: one past the last position
  at::Tensor token_types;  ///< int64 [rows], or undefined: all 0
  /// bool [rows] of a pass that scores: the row is of the prompt, not of what follows it (rows of a
  /// prompt see rows of it only). Undefined: nobody says. A pass over a cache says it by its phase.
  at::Tensor prompt;
  Visibility visibility;
  LayerVisibility seen;  ///< of the running layer
  /// The residual stream that the running block reads, before a norm that stands in front of it
  /// [rows, width]. Undefined for a block that is run by itself.
  at::Tensor stream;
  KvCache* cache = nullptr;                ///< appended to when set
  PassState* state = nullptr;              ///< of this pass, when blocks run in one
  PassState* sequence = nullptr;           ///< of the cache's sequences; null without a cache
  ActivationRecorder* recorder = nullptr;  ///< fed when set
  StepObserver* observer = nullptr;        ///< told when set
  RoutingHook* routing = nullptr;          ///< asked when set
  double hidden_dropout = 0, attention_dropout = 0;  ///< above 0 only in passes that train
  /// Of the running layer, f32 [rows, rotary_dim / 2], where its heads rotate.
  at::Tensor rope_cos, rope_sin;

  void record(Tap tap, const at::Tensor& rows) const {
    if (recorder != nullptr) recorder->record(layer, tap, rows, *this);
  }
};

}  // namespace assay
