#pragma once
// RIA's permutation of input channels, which lets N:M pruning keep more score. A permutation is a
// list of channels: position p of the permuted matrix holds channel order[p].
//
// scores: f32 [out, in], contiguous, on the CPU, >= 0; M divides in.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/method/sparsity.h"

namespace assay {

using ChannelOrder = std::vector<std::int64_t>;

/// By what the heuristic sorts channels.
enum class ChannelKey {
  kSum,             ///< column sum of the scores
  kRetainedMatrix,  ///< retained score of a trial mask over the whole matrix, then pruned count
  kRetainedRow,     ///< likewise, trial mask per row
};

/// Sum of the scores that N:M keeps under a permutation.
double retained_score(const at::Tensor& scores, const Pattern& pattern, const ChannelOrder& order);

/// Channels in ascending order of the key; stable.
ChannelOrder channels_by_key(const at::Tensor& scores, const Pattern& pattern, ChannelKey key);

/// Deals ascending channels out in M parts, part p to the slots p of the groups, odd parts
/// reversed: every group then mixes weak and strong channels.
ChannelOrder snake_order(const ChannelOrder& ascending, std::int64_t group);

/// K x K gains of slot p: gain[g * K + c] = retained score of group g when the slot-p channel of
/// group c stands in its slot p. With t_rg the (M-N)-th largest of the M - 1 fixed scores of row r,
/// it is const_g + sum_r max(S_rc, t_rg), const_g = sum over rows of the M - N - 1 largest fixed.
std::vector<double> slot_gains(const at::Tensor& scores, const Pattern& pattern,
                               const ChannelOrder& order, std::int64_t slot);

/// One pass over the M slots, each solved as a linear assignment of channels to groups, within
/// `blocks` contiguous ranges of groups (1 = exact per slot). Never lowers the retained score.
ChannelOrder refine_by_assignment(const at::Tensor& scores, const Pattern& pattern,
                                  ChannelOrder order, std::int64_t blocks);

/// The N:M mask found in permuted order, in the ORIGINAL order of the channels. bool [out, in].
at::Tensor keep_permuted(const at::Tensor& scores, const Pattern& pattern,
                         const ChannelOrder& order);

}  // namespace assay
