#pragma once
// What trainings minimise. All give an f32 scalar with a graph and compute in f32; all are means
// over rows or elements, so that parts of a batch add up by their share of it.

#include <ATen/core/Tensor.h>

namespace assay {

/// scores [n, classes], targets int64 [n] ->
///   mean over rows of -log softmax(scores)[target], nats
at::Tensor cross_entropy(const at::Tensor& scores, const at::Tensor& targets);

/// Factors of binary_cross_entropy(); undefined ones are 1. Broadcast to [n, m].
struct BinaryWeights {
  at::Tensor element;   ///< of an element's whole loss
  at::Tensor positive;  ///< of the part where the target is 1: above 1, missing it costs more
};
/// scores (before the sigmoid) and targets in [0, 1], both [n, m] ->
///   mean over all elements of -element (positive t log s(x) + (1 - t) log(1 - s(x)))
/// The mean divides by n m, not by the sum of the weights.
at::Tensor binary_cross_entropy(const at::Tensor& scores, const at::Tensor& targets,
                                const BinaryWeights& weights = {});

/// mean over all elements of (found - wanted)^2
at::Tensor mean_squared_error(const at::Tensor& found, const at::Tensor& wanted);

/// student and teacher: scores [n, classes]; p_T = softmax(scores / T) ->
///   T^2 mean over rows of KL(teacher_T || student_T) = T^2 mean of sum p (log p - log q), nats,
/// with p of the teacher. T^2 keeps the size of the gradient whatever the temperature (Hinton,
/// Vinyals and Dean 2015). The teacher gets no gradient.
at::Tensor distillation_loss(const at::Tensor& student, const at::Tensor& teacher,
                             double temperature);

}  // namespace assay
