#pragma once
// Workers beside one another on the cores that a profile is pinned to.

#include <cstddef>
#include <vector>

namespace assay {

/// Whether each of so many workers has a core for each of its threads.
bool has_cores_for(std::size_t cores, int threads, std::size_t workers);

/// What worker number `worker` of `workers` is pinned to, out of `cores`: as many of its own as it
/// has threads, or all of them together with the others where they do not suffice. None (not
/// pinned) out of none.
std::vector<int> share_of_cores(const std::vector<int>& cores, int threads, std::size_t worker,
                                std::size_t workers);

}  // namespace assay
