#pragma once
// How a block's sparsity is shared among its sites: TEAL's greedy allocation.

#include <cstdint>
#include <functional>
#include <vector>

namespace assay::teal {

/// Error of the block's output when its sites have these sparsities.
using BlockError = std::function<double(const std::vector<double>& sparsities)>;

struct GreedyOptions {
  double target = 0;   ///< sparsity of the block, its sites weighed by their bytes, in [0, 1]
  double step = 0.05;  ///< a raise saves what this sparsity of a site of mean size saves
};

/// Sparsities of the sites, of which `bytes` says the sizes (above 0). All start at 0. Each round
/// tries to raise every site that is not yet at 1, and keeps the raise whose error grows least for
/// each byte that it saves; of equal ones that of the first site. The last raises are cut, so that
/// the target is met. Calls `error` once before the first round, then once a site and round.
std::vector<double> allocate_greedily(const std::vector<std::int64_t>& bytes,
                                      const GreedyOptions& options, const BlockError& error);

/// Sum of bytes * sparsity over that of the bytes.
double weighted_sparsity(const std::vector<std::int64_t>& bytes,
                         const std::vector<double>& sparsities);

}  // namespace assay::teal
