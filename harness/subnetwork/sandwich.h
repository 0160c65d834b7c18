#pragma once
// A step of a super-network: the full network learns the labels, sub-networks learn them and the
// full network's scores, and the gradients of all add up in the weights that they share (the
// sandwich rule of Yu and Huang 2019, arXiv:1903.05134, with in-place distillation).

#include <span>
#include <vector>

#include "harness/subnetwork/material.h"
#include "harness/subnetwork/sub_network.h"

namespace assay::subnetwork {

/// Loss of a sub-network: label_weight CE + distill_weight KD, where
///   CE = mean over rows of -log softmax(s)[target],
///   KD = T^2 mean over rows of KL(softmax(t / T) || softmax(s / T)),
/// s and t the scores of the sub-network and of the full network of this very step, which gets no
/// gradient from KD. Both in nats.
struct Distillation {
  double label_weight = 0.5;
  double distill_weight = 2;
  double temperature = 0.9;
};

struct SubLoss {
  double ce = 0, kd = 0;  ///< kd: 0 where its weight is
  double loss = 0;        ///< with their weights
};
struct StepLosses {
  double full = 0;  ///< CE of the full network
  std::vector<SubLoss> parts;
  double mean = 0;  ///< of `full` (where it was trained) and the parts' losses
};

/// What a step trains beside the sub-networks.
enum class FullNetwork {
  kTrained,  ///< its CE is one of the losses
  kTeaches,  ///< it only teaches
};

/// Rows whose scores are in memory at once: a vocabulary of 49,152 in f32 is 200 MB for 1,024.
inline constexpr std::int64_t kScoredRows = 1024;

/// Adds to the gradients of the super-network's tensors those of
///   share / n * (CE of the full network + sum of the parts' losses),
/// n the number of losses. One network after the other, and the scores of `scored_rows` rows at a
/// time, so that memory does not grow with either. LoRA linears are composed (lora.h).
StepLosses add_step_gradients(const Model& super, const Material& material,
                              std::span<const std::int64_t> items,
                              std::span<const SubNetwork> parts, const Distillation& distillation,
                              FullNetwork full, double share,
                              std::int64_t scored_rows = kScoredRows);

/// A model that computes with the super-network's tensors and can be trained through.
Model shared_part(const Model& super, const SubNetwork& part);

}  // namespace assay::subnetwork
