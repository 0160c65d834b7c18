#pragma once
// The parameters of mux, and what each stage makes of them.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/mux/mux_input.h"
#include "harness/train/train_settings.h"

namespace assay::mux_method {

std::vector<ParamSpec> settings_params();
// Names of the parameters that stages read, for StageInfo::params.
std::vector<std::string> warm_up_params();
std::vector<std::string> task_params();

// Stored by their numbers: new ones come last.
enum class Keys { kGaussian, kOrthogonal, kBinary, kContextual };
enum class Demux { kIndex, kMlp, kPrefix };

/// What a multiplexed model is made of, beside its encoder.
struct MuxShape {
  std::int64_t instances = 2;
  Keys keys = Keys::kGaussian;
  double key_norm = 20;
  Demux demux = Demux::kIndex;
  std::int64_t demux_linears = 3;
  bool places_twice = true;
  std::int64_t length = 0;
  bool ensemble = false;  ///< of what is applied; nothing is trained so
};
MuxShape mux_shape(const Params& params);

struct WarmUp {
  std::int64_t steps = 0;  ///< 0: none
  double share = 0.25;     ///< of the positions that are asked about
  TrainSettings loop;      ///< items are sequences
};
WarmUp warm_up_settings(const Params& params, std::uint64_t seed, std::int64_t sequences);

struct Task {
  double retrieval_weight = 0.1;  ///< of the loss; the labels have the rest
  double share = 0.25;
  double dev_share = 0;
  double weight_decay = 0.01;
  bool dropout = true;
  TrainSettings loop;
};
Task task_settings(const Params& params, std::uint64_t seed);

}  // namespace assay::mux_method
