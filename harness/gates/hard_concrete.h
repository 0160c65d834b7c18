#pragma once
// Hard-concrete gates (Louizos et al. 2018, arXiv:1712.01312), with the constants of CoFi (Xia et
// al. 2022, arXiv:2204.00408): a number in [0, 1] that is exactly 0 or 1 with positive probability,
// and that a gradient goes through.
//
// All functions take logits of gates ("log alpha") of any shape and are differentiable in them.

#include <ATen/core/Tensor.h>

namespace assay::gates {

inline constexpr double kLow = -0.1, kHigh = 1.1;  ///< what is clamped to [0, 1]
inline constexpr double kTemperature = 2.0 / 3.0;
inline constexpr double kEpsilon = 1e-6;   ///< uniform numbers and P stay this far from 0 and 1
inline constexpr double kSoftScale = 0.8;  ///< of the logit of a gate that is settled
inline constexpr double kSmallestLogit = -4.605170185988091;  ///< ln 0.01
inline constexpr double kLargestLogit = 4.605170185988092;    ///< ln 100

/// clamp(sigmoid((ln u - ln(1 - u) + logit) / T) (high - low) + low, 0, 1). `uniform`: of the shape
/// of the logits, in [epsilon, 1 - epsilon].
at::Tensor sampled_gates(const at::Tensor& logits, const at::Tensor& uniform);

/// P(gate > 0) = 1 - clamp(sigmoid(T ln(-low / high) - logit), epsilon, 1 - epsilon).
at::Tensor open_probability(const at::Tensor& logits);

/// sigmoid(0.8 logit / T): what a gate is that stays open once gates are settled.
at::Tensor soft_gates(const at::Tensor& logits);

/// Gates of a group, settled without chance: as many as P(gate > 0) lets expect are 0 (the lowest
/// ones; sums that end in a half are rounded to the even number), the others are soft. Works along
/// the last dimension; not differentiable.
at::Tensor settled_gates(const at::Tensor& logits);

/// Gates that stand alone: 0 where P(gate > 0) < 1/2, else soft. Not differentiable.
at::Tensor settled_alone(const at::Tensor& logits);

/// Puts logits back into [ln 0.01, ln 100], in place.
void clamp_logits(at::Tensor& logits);

}  // namespace assay::gates
