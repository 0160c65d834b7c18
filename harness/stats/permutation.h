#pragma once
// Permutation tests: the null distribution is made from the data themselves.
//
// All throw std::invalid_argument for empty samples, NaN, infinity or no draws. Values that differ
// from the observed one by no more than 1e-12 count as ties, and ties as hits; the observed
// arrangement is one of those counted, so p is never 0.

#include <functional>
#include <span>

#include "harness/stats/bootstrap.h"
#include "harness/stats/test_result.h"

namespace assay {

/// How many arrangements are gone through one by one; beyond, `draws` random ones are taken.
struct PermutationLimits {
  std::size_t exact_pairs = 20;         ///< sign flips: 2^20 arrangements
  std::int64_t exact_splits = 200'000;  ///< free exchange of labels
  std::int64_t draws = 100'000;
  std::uint64_t seed = 1;
};

/// Pairs: under the null each difference may change its sign. Statistic: the mean difference.
TestResult sign_flip_test(std::span<const double> differences, Alternative alternative,
                          const PermutationLimits& limits = {});

/// The strictly valid version for interleaved blocks whose orientation was drawn at random: all
/// differences of a block change sign together. `differences` are in order of execution, `block`
/// (>= 1) of them a block, a last incomplete one included.
TestResult block_flip_test(std::span<const double> differences, std::size_t block,
                           Alternative alternative, const PermutationLimits& limits = {});

/// Unpaired: labels are exchanged freely. Statistic: statistic(x) - statistic(y). Two-sided p is
/// twice the smaller one-sided p, at most 1.
TestResult permutation_test(std::span<const double> x, std::span<const double> y,
                            const Statistic& statistic, Alternative alternative,
                            const PermutationLimits& limits = {});

}  // namespace assay
