#pragma once
// What RevMUX minimises beside the labels' cross-entropy. Both give an f32 scalar with a graph.

#include <ATen/core/Tensor.h>

#include "harness/mux/rev_mux_input.h"

namespace assay::revmux {

/// InfoNCE (van den Oord et al. 2018, arXiv:1807.03748): student and teacher [n, width] ->
///   mean over i of -log softmax_j(cos(student_i, teacher_j) / temperature)[i], nats
/// The teacher gets no gradient.
at::Tensor contrast_loss(const at::Tensor& student, const at::Tensor& teacher, double temperature);

/// |cos| between the parts of each two instances of a group, a mean over the positions where the
/// one that gets the gradient is no pad; both ways, over pairs and groups. 0 for one instance.
/// (Released: meant so, but the sign is turned at the first one or two positions, not where the
/// cosine is negative.)
at::Tensor likeness(const mux::RevMuxPass& pass);

}  // namespace assay::revmux
