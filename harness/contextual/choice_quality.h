#pragma once
// How good a choice of units was, beside what all units gave in the very token. Told wherever all
// of them are computed: of what a suite scores, of prompts, and not of tokens that leave units out.

#include <ATen/core/Tensor.h>

#include "harness/model/step.h"

namespace assay {

/// Of the neurons that mattered to a token: how many it ran, and how many of those that it ran
/// mattered. Behind a ReLU those matter that it let through, however many; elsewhere as many as
/// were chosen, those with the largest values, and the two are the same.
inline constexpr StepFact kNeuronRecall{"neuron_recall", StepFact::Over::kMean};
inline constexpr StepFact kNeuronPrecision{"neuron_precision", StepFact::Over::kMean};
/// Of as many heads as were chosen, those with the largest contexts: how many were among them.
inline constexpr StepFact kHeadRecall{"head_recall", StepFact::Over::kMean};

/// sizes [rows, units] of what units gave, none below zero; masks bool [rows, units] of those that
/// ran -> bool [rows, units]: the largest of each row, as many as it ran.
at::Tensor largest_as_many(const at::Tensor& sizes, const at::Tensor& masks);

struct ChoiceQuality {
  at::Tensor recall;     ///< f32 [rows]; 1 for a row in which nothing mattered
  at::Tensor precision;  ///< f32 [rows]; 1 for a row that ran nothing
};
/// mattered, masks bool [rows, units]
ChoiceQuality choice_quality(const at::Tensor& mattered, const at::Tensor& masks);

}  // namespace assay
