#pragma once
// How much one experiment may ask for. Axes multiply, so a few lines can ask for more than any
// machine measures or holds: products are looked at before anything is expanded.

#include <cstddef>
#include <string>
#include <vector>

namespace assay {

/// Cells of one experiment, and so the settings of each of its lists.
inline constexpr std::size_t kMostCells = 100'000;

/// So many of what: {3, "seeds"}.
struct Factor {
  std::size_t count = 0;
  std::string what;
};

/// "" where the product is at most kMostCells, else "makes 1000 sparsity x 1000 seeds = 1000000
/// cells; allowed: at most 100000".
std::string too_many(const std::vector<Factor>& factors, const std::string& product);

}  // namespace assay
