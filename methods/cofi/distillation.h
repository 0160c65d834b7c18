#pragma once
// What a pruned encoder learns from the whole one: its scores, and what its layers give.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/model/model.h"
#include "methods/cofi/settings.h"

namespace assay::cofi {

/// A pass over labelled items, with what each layer gave: of a multiplexed model, rows of groups.
struct LayerPass {
  std::vector<at::Tensor> layers;  ///< [rows, width] after each layer of the model
  at::Tensor scores;               ///< [items, classes]
};
LayerPass pass_with_layers(const Model& model, const PackedTokens& packed);

/// The teacher's layers that are learnt from, from 0: of four equal parts of the layers (of as many
/// as half of the layers, where these are fewer than eight) the last one each.
std::vector<std::int64_t> teacher_layers(std::int64_t layers);

/// Which student layer learns from each of `taught`, in ascending order of these; nothing where
/// none is left. `distance`: [students, taught]; `numbers`: of the students' layers in the whole
/// model.
std::vector<std::optional<std::int64_t>> aligned(const at::Tensor& distance,
                                                 const std::vector<std::int64_t>& taught,
                                                 const std::vector<std::int64_t>& numbers,
                                                 Alignment alignment);

/// label_weight T^2 KL(teacher || student) + layer_weight sum over taught layers i of mean (s_j W^T
/// + b - t_i)^2 (CoFi, section 3.3). `numbers`: of the student's layers in the whole model.
at::Tensor distillation(const LayerPass& student, const LayerPass& teacher,
                        const std::vector<std::int64_t>& numbers, const DenseLinear& transform,
                        const DistillationSettings& settings);

/// The identity, as the transform begins.
DenseLinear start_transform(std::int64_t width);
/// What it makes of the rows of a student that has these of the dimensions: the others are 0 there.
DenseLinear transform_of(const DenseLinear& transform, const std::vector<std::int64_t>& dimensions);

}  // namespace assay::cofi
