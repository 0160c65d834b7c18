#pragma once
// Training a super-network so that many of its sub-networks work.

#include <cstdint>
#include <functional>

#include "harness/base/python_random.h"
#include "harness/subnetwork/sandwich.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"

namespace assay::subnetwork {

/// Which networks a step trains.
enum class Strategy {
  kSandwich,      ///< the full one, the smallest, and some that are drawn (Yu and Huang 2019)
  kDrawn,         ///< the full one and some that are drawn
  kRandom,        ///< some that are drawn, alone
  kRandomLinear,  ///< likewise with a probability that rises from 0 to 1, else the full one
};

struct SuperTraining {
  TrainSettings loop;
  ParameterSettings parameters;
  Strategy strategy = Strategy::kSandwich;
  std::int64_t sub_networks = 2;  ///< drawn a step
  Distillation distillation;
  SubNetwork smallest;
  std::function<SubNetwork(PythonRandom& random)> draw;
  Json identity;  ///< of what is drawn from, for checkpoints
};

/// Trains the model's chosen parameters on the material; it is ready for inference afterwards.
/// Which networks a step draws is decided by the seed alone, and by a checkpoint that is gone on
/// from. Throws as train() does.
TrainResult train_super_network(Model& super, const Material& material,
                                const SuperTraining& settings, const TrainHooks& hooks = {});

}  // namespace assay::subnetwork
