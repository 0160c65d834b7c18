#pragma once
// The parameters of finetune.

#include <cstdint>
#include <vector>

#include "harness/base/params.h"
#include "harness/train/classifier.h"
#include "harness/train/lora.h"

namespace assay::finetune {

/// What is trained.
enum class Trained {
  kAll,
  kHead,  ///< pooler and classifier
  kLora,  ///< thin matrices beside every linear layer, and the head
};

struct Settings {
  Trained trained = Trained::kAll;
  ClassifierTraining training;
  LoraSettings lora;
  double dev_share = 0;  ///< of the items, held out
};

std::vector<ParamSpec> settings_params();
Settings settings_from(const Params& params, std::uint64_t seed);

}  // namespace assay::finetune
