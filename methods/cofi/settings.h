#pragma once
// The parameters of cofi, and what each stage makes of them.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/gates/lagrangian.h"
#include "harness/train/train_settings.h"
#include "harness/train/trained_model.h"

namespace assay::cofi {

std::vector<ParamSpec> settings_params();
// Names of the parameters that stages read, for StageInfo::params.
std::vector<std::string> prune_params();
std::vector<std::string> finetune_params();

/// Which layer of the student learns from a layer of the teacher.
enum class Alignment {
  kDescending,  ///< the nearest below the last one, from the top: version 4 as released
  kNearest,     ///< the nearest of all: version 3
  kSame,        ///< the one of the same number, where it is there: version 2
};

struct DistillationSettings {
  double layer_weight = 0.9, label_weight = 0.1;  ///< of layers, and of the teacher's scores
  double temperature = 2;
  Alignment alignment = Alignment::kDescending;
};
DistillationSettings distillation_settings(const Params& params);

struct PruneSettings {
  gates::SparsityTarget target;  ///< its warm-up is in steps
  bool prune_width = true;       ///< the width has gates, too
  double gate_rate = 0.01;       ///< learning rate of gates and multipliers
  double weight_decay = 0;
  TrainSettings loop;
};
PruneSettings prune_settings(const Params& params, std::uint64_t seed, std::int64_t items);

/// What of the model is trained, in both stages.
ParameterChoice trained_parameters(const Params& params);

struct FinetuneSettings {
  double weight_decay = 0;
  TrainSettings loop;
};
FinetuneSettings finetune_settings(const Params& params, std::uint64_t seed);

}  // namespace assay::cofi
