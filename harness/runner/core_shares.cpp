#include "harness/runner/core_shares.h"

#include <algorithm>

namespace assay {

bool has_cores_for(std::size_t cores, int threads, std::size_t workers) {
  return static_cast<std::size_t>(std::max(threads, 1)) * workers <= cores;
}

std::vector<int> share_of_cores(const std::vector<int>& cores, int threads, std::size_t worker,
                                std::size_t workers) {
  if (workers < 2 || !has_cores_for(cores.size(), threads, workers)) return cores;
  const auto begin = cores.begin() + static_cast<std::ptrdiff_t>(worker) * std::max(threads, 1);
  return {begin, begin + std::max(threads, 1)};
}

}  // namespace assay
