#pragma once
// The parameters of nas, and what each stage makes of them.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/search/searcher.h"
#include "harness/subnetwork/importance.h"
#include "harness/subnetwork/judge.h"
#include "harness/subnetwork/latency_model.h"
#include "harness/subnetwork/layer_importance.h"
#include "harness/subnetwork/network_timer.h"
#include "harness/subnetwork/space.h"
#include "harness/subnetwork/super_training.h"
#include "harness/train/lora.h"

namespace assay::nas {

inline constexpr double kUsualTarget = 0.8;

std::vector<ParamSpec> settings_params();

// Names of the parameters that stages read, for StageInfo::params.
std::vector<std::string> sort_params();
std::vector<std::string> space_params();
std::vector<std::string> latency_params();
std::vector<std::string> grid_params();
std::vector<std::string> training_params();
std::vector<std::string> search_params();
std::vector<std::string> pick_params();

/// How layers are ranked for spaces that keep the most important ones.
enum class LayersBy { kInfluence, kPerplexity, kPosition };

struct SortSettings {
  bool sorts = true;  ///< false: units stay in the order of the checkpoint
  bool width = false;
  subnetwork::ImportanceSettings importance;
  subnetwork::OrderScope scope = subnetwork::OrderScope::kPerLayer;
  LayersBy layers_by = LayersBy::kInfluence;
  subnetwork::CosineSum influence_sum = subnetwork::CosineSum::kDouble;
};
SortSettings sort_settings(const Params& params);

/// With sizes by parameters where cost = "latency": what bins and shapes go by before anything was
/// timed.
subnetwork::SpaceSettings space_settings(const Params& params);
/// With the sizes that a search sees. `latency`: only read where cost = "latency".
subnetwork::SpaceSettings searched_space_settings(const Params& params,
                                                  const subnetwork::LatencyModel& latency);

bool by_latency(const Params& params);
/// A search times each network that it judges.
bool by_clock(const Params& params);
subnetwork::LatencyWork latency_work(const Params& params);

enum class GridBy { kPerplexity, kMagnitude, kRandom };
struct GridSettings {
  std::int64_t bins = 0;  ///< 0: no grid, networks are drawn from the space
  std::int64_t candidates = 10;
  GridBy by = GridBy::kPerplexity;
};
GridSettings grid_settings(const Params& params);

enum class Trains { kNone, kLora, kAll };
Trains trains(const Params& params);
/// Without what is drawn from.
subnetwork::SuperTraining training_settings(const Params& params, std::uint64_t seed, bool decoder);
LoraSettings lora_settings(const Params& params, std::uint64_t seed);

subnetwork::QualityMetric quality_metric(const Params& params);
search::SearcherSettings searcher_settings(const Params& params, std::uint64_t seed);

}  // namespace assay::nas
