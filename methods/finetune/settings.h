#pragma once
// The parameters of finetune.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/train/lora.h"
#include "harness/train/train_settings.h"
#include "harness/train/trained_model.h"

namespace assay::finetune {

/// What is trained.
enum class Trained {
  kAll,
  kHead,  ///< pooler and classifier, or a decoder's vocabulary head
  kLora,  ///< thin matrices beside every linear layer, and a classifier with its pooler
};

struct Settings {
  Trained trained = Trained::kAll;
  TrainSettings loop;
  ParameterSettings parameters;
  LoraSettings lora;
  double dev_share = 0;  ///< of the items or windows, held out
};

std::vector<ParamSpec> settings_params();
/// `decoder`: whether what is trained is one. Its head is trained alone or with everything, never
/// beside LoRA matrices: it is no fresh one.
Settings settings_from(const Params& params, std::uint64_t seed, bool decoder);

/// What `trains` asks for that a model cannot do, and what to do; empty: nothing.
std::vector<std::string> unmet_trains(const ModelSpec& spec, const Params& params);

}  // namespace assay::finetune
