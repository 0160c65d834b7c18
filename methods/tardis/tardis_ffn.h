#pragma once
// The block that TARDIS runs: the folded matrix for every token, and the original weights of the
// neurons whose predicted pre-activation lies outside their window.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/kernels/gathered.h"
#include "methods/tardis/plain_ffn.h"
#include "methods/tardis/predictor.h"

namespace assay {

/// Of the neurons: how many were computed exactly.
inline constexpr StepFact kFallbackShare{"fallback_share", StepFact::Over::kMean};

/// What a step of several rows runs, where fixing the union of their neurons would not pay.
enum class ManyRows {
  kDense,     ///< the original block
  kFoldOnly,  ///< the fold of lines over the full range; no prediction, no fixing
  kPerRow,    ///< each token as if it were alone
};

struct TardisPolicy {
  ManyRows prefill = ManyRows::kDense;  ///< prompts that fill a cache
  ManyRows batch = ManyRows::kPerRow;   ///< decoding more than one sequence at once
  [[nodiscard]] bool needs_full_fold() const {
    return prefill == ManyRows::kFoldOnly || batch == ManyRows::kFoldOnly;
  }
};

/// f32 [neurons] each.
struct NeuronWindows {
  at::Tensor low, high;         ///< of the prediction; outside, the neuron is computed exactly
  at::Tensor slope, intercept;  ///< of the line that was folded
};

/// Everything in the model's dtype, except the windows.
struct TardisParts {
  PlainFfn original;
  DenseLinear fold;                      ///< [width, width]
  std::optional<DenseLinear> full_fold;  ///< only where a policy needs it
  NeuronPredictor predictor;
  NeuronWindows windows;
  TardisPolicy policy;
};

/// y = x C + B + sum over the neurons outside of (act(z_j) - a_j z_j - c_j) W2[j].
///
/// One decoded token runs it gathered (packed prediction, compaction, products with the chosen rows
/// only); passes that score run the same per token as masks over the dense product. Nothing waits
/// for the device to learn how many neurons were chosen.
class TardisFfn final : public Ffn {
 public:
  explicit TardisFfn(TardisParts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  /// There is none: the matrices are not separate any more.
  [[nodiscard]] Linear* linear(Slot) const override { return nullptr; }
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  /// Touched bytes and work are those of any token: fold, predictor and windows. What a token reads
  /// beyond them goes to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;
  [[nodiscard]] bool prefill_equals_decode() const override {
    return parts_.policy.prefill == ManyRows::kPerRow;
  }

  /// Both forms of the same sum, for each row alone. `step` only says whom to tell.
  [[nodiscard]] at::Tensor masked(const at::Tensor& rows, const StepContext& step) const;
  [[nodiscard]] at::Tensor gathered(const at::Tensor& rows, const StepContext& step) const;

 private:
  [[nodiscard]] at::Tensor many(const at::Tensor& rows, const StepContext& step,
                                ManyRows how) const;
  [[nodiscard]] at::Tensor dense(const at::Tensor& rows, const StepContext& step) const;
  [[nodiscard]] at::Tensor fold_only(const at::Tensor& rows, const StepContext& step) const;
  /// f32 [1, width] from row [1, width] and the neurons to fix.
  [[nodiscard]] at::Tensor gathered_row(const at::Tensor& row, const Selection& chosen) const;
  /// One for each row, settled by others where the step asks for that.
  [[nodiscard]] std::vector<Selection> choose(const at::Tensor& rows,
                                              const StepContext& step) const;
  /// bool [n, neurons]: the neurons to fix, settled likewise.
  [[nodiscard]] at::Tensor outside(const at::Tensor& rows, const StepContext& step) const;
  void tell_counts(const StepContext& step, const at::Tensor& counts) const;
  /// `read`, `done`: bytes and work beyond those of cost().
  void tell_constant(const StepContext& step, std::int64_t rows, double share, double read,
                     double done) const;
  [[nodiscard]] std::int64_t bytes_of_a_neuron() const;
  [[nodiscard]] std::int64_t flops_of_a_neuron() const;
  [[nodiscard]] std::int64_t comparisons() const;  ///< with the windows, for one token

  TardisParts parts_;
};

}  // namespace assay
