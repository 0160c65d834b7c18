#include "harness/contextual/predictor_params.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/param_makers.h"
#include "harness/contextual/routing.h"

namespace assay {
namespace {

constexpr const char* kRanks[] = {"ffn_rank", "head_rank"};

ParamSpec rank_param(const char* name, const char* what, std::int64_t published) {
  return count_param(name, 0, 0, "columns",
                     fmt::format("Rank of predictors of {}; 0: {} as published, or the width of "
                                 "what they read where that is less",
                                 what, published));
}

}  // namespace

std::vector<ParamSpec> rank_params(std::int64_t published_neurons, std::int64_t published_heads) {
  return {rank_param(kRanks[0], "neurons", published_neurons),
          rank_param(kRanks[1], "heads", published_heads)};
}

std::int64_t rank_of(const Params& params, RoutingSite site, std::int64_t published,
                     std::int64_t width) {
  const std::int64_t asked = params.get_int(kRanks[site == RoutingSite::kHeads ? 1 : 0]);
  return asked > 0 ? asked : std::min(published, width);
}

std::string layer_predictor_name(std::int64_t layer, RoutingSite site) {
  return fmt::format("layer.{}.{}", layer, site_name(site));
}

std::uint64_t layer_predictor_seed(std::uint64_t seed, std::int64_t layer, RoutingSite site) {
  return seed * 1'000'003U + static_cast<std::uint64_t>(layer) * 2 +
         (site == RoutingSite::kHeads ? 0 : 1);
}

ParamSpec predictor_bits_param() {
  ParamSpec spec = count_param("predictor_bits", 16, 4, "bits",
                               "Bits of a predictor's weight when it runs: 4, 8, 16 or 32");
  spec.max = 32;
  return spec;
}

std::vector<std::string> predictor_problems(const Params& params, std::int64_t width) {
  std::vector<std::string> problems;
  for (const char* rank : kRanks) {
    if (params.get_int(rank) <= width) continue;
    problems.push_back(fmt::format("{} = {} is larger than the width of what predictors read, {}",
                                   rank, params.get_int(rank), width));
  }
  const std::int64_t bits = params.get_int("predictor_bits");
  if (bits != 4 && bits != 8 && bits != 16 && bits != 32) {
    problems.push_back(fmt::format("predictor_bits is {}; give 4, 8, 16 or 32", bits));
  }
  return problems;
}

}  // namespace assay
