#pragma once
// Linear sum assignment.

#include <cstdint>
#include <vector>

namespace assay {

/// Matches rows to columns one to one so that the sum of the chosen gains is largest; shortest
/// augmenting paths (Jonker and Volgenant), exact in float64, O(n^3). gain: n * n, row-major,
/// finite. Gives the column of every row. A row keeps its own column where nothing is better.
std::vector<std::int64_t> best_assignment(const std::vector<double>& gain, std::int64_t n);

}  // namespace assay
