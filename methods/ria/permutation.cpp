#include "methods/ria/permutation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/sum.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "methods/ria/assignment.h"

namespace assay {
namespace {

at::Tensor as_index(const ChannelOrder& order) {
  at::Tensor index =
      at::empty({static_cast<std::int64_t>(order.size())}, at::TensorOptions().dtype(at::kLong));
  std::copy(order.begin(), order.end(), index.mutable_data_ptr<std::int64_t>());
  return index;
}

at::Tensor permuted(const at::Tensor& scores, const ChannelOrder& order) {
  return at::index_select(scores, 1, as_index(order)).contiguous();
}

/// Column sums in double.
std::vector<double> column_sums(const at::Tensor& matrix) {
  const at::Tensor sums = at::sum(matrix, 0, false, at::kDouble);
  const double* values = sums.const_data_ptr<double>();
  return {values, values + sums.numel()};
}

/// Channels sorted by `first`, and by `second` among equals; stable.
ChannelOrder sorted_channels(const std::vector<double>& first, const std::vector<double>& second) {
  ChannelOrder order(first.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    return first[i] != first[j] ? first[i] < first[j] : second[i] < second[j];
  });
  return order;
}

/// For one slot: the candidates' scores by row, and for each group and row the score that a
/// candidate must beat, with the sum of what is kept anyway.
struct Slot {
  std::int64_t rows = 0, groups = 0;
  std::vector<float> candidates;  ///< [rows, groups]
  std::vector<float> thresholds;  ///< [groups, rows]
  std::vector<double> kept;       ///< [groups]
};

Slot describe_slot(const at::Tensor& in_order, const Pattern& pattern, std::int64_t slot) {
  Slot out;
  out.rows = in_order.size(0);
  out.groups = in_order.size(1) / pattern.group;
  out.candidates.resize(static_cast<std::size_t>(out.rows * out.groups));
  out.thresholds.resize(out.candidates.size());
  out.kept.resize(static_cast<std::size_t>(out.groups));
  const float* scores = in_order.const_data_ptr<float>();
  const std::int64_t keep = pattern.group - pattern.prune;
  at::parallel_for(0, out.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> fixed;
    for (std::int64_t g = begin; g < end; ++g) {
      double kept = 0;
      for (std::int64_t r = 0; r < out.rows; ++r) {
        const float* group = scores + r * in_order.size(1) + g * pattern.group;
        out.candidates[static_cast<std::size_t>(r * out.groups + g)] = group[slot];
        fixed.assign(group, group + pattern.group);
        fixed.erase(fixed.begin() + slot);
        std::partial_sort(fixed.begin(), fixed.begin() + keep, fixed.end(), std::greater<>());
        kept += std::accumulate(fixed.begin(), fixed.begin() + keep - 1, 0.0);
        out.thresholds[static_cast<std::size_t>(g * out.rows + r)] =
            fixed[static_cast<std::size_t>(keep - 1)];
      }
      out.kept[static_cast<std::size_t>(g)] = kept;
    }
  });
  return out;
}

std::vector<double> gains_of(const Slot& slot) {
  std::vector<double> gains(static_cast<std::size_t>(slot.groups * slot.groups));
  at::parallel_for(0, slot.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      double* gain = gains.data() + g * slot.groups;
      std::fill(gain, gain + slot.groups, slot.kept[static_cast<std::size_t>(g)]);
      for (std::int64_t r = 0; r < slot.rows; ++r) {
        const float threshold = slot.thresholds[static_cast<std::size_t>(g * slot.rows + r)];
        const float* candidates = slot.candidates.data() + r * slot.groups;
        for (std::int64_t c = 0; c < slot.groups; ++c) {
          gain[c] += static_cast<double>(std::max(candidates[c], threshold));
        }
      }
    }
  });
  return gains;
}

/// Reassigns the slot's channels among the groups of one contiguous part of the order.
void refine_slot(const at::Tensor& scores, const Pattern& pattern, ChannelOrder& part,
                 std::int64_t slot) {
  const std::vector<double> gains = slot_gains(scores, pattern, part, slot);
  const auto groups = static_cast<std::int64_t>(part.size()) / pattern.group;
  const std::vector<std::int64_t> source = best_assignment(gains, groups);
  const ChannelOrder before = part;
  for (std::int64_t g = 0; g < groups; ++g) {
    part[static_cast<std::size_t>(g * pattern.group + slot)] = before[static_cast<std::size_t>(
        source[static_cast<std::size_t>(g)] * pattern.group + slot)];
  }
}

}  // namespace

double retained_score(const at::Tensor& scores, const Pattern& pattern, const ChannelOrder& order) {
  const at::Tensor in_order = permuted(scores, order);
  return at::sum(in_order.mul(keep_n_of_m(in_order, pattern)), at::kDouble).item<double>();
}

ChannelOrder channels_by_key(const at::Tensor& scores, const Pattern& pattern, ChannelKey key) {
  const std::vector<double> none(static_cast<std::size_t>(scores.size(1)), 0);
  if (key == ChannelKey::kSum) return sorted_channels(column_sums(scores), none);
  const double ratio = static_cast<double>(pattern.prune) / static_cast<double>(pattern.group);
  const at::Tensor keep = key == ChannelKey::kRetainedMatrix ? keep_above_threshold(scores, ratio)
                                                             : keep_per_row(scores, ratio);
  return sorted_channels(column_sums(scores.mul(keep)), column_sums(keep.logical_not()));
}

ChannelOrder snake_order(const ChannelOrder& ascending, std::int64_t group) {
  const auto groups = static_cast<std::int64_t>(ascending.size()) / group;
  ChannelOrder order(ascending.size());
  for (std::int64_t part = 0; part < group; ++part) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t from = part % 2 == 0 ? g : groups - 1 - g;
      order[static_cast<std::size_t>(g * group + part)] =
          ascending[static_cast<std::size_t>(part * groups + from)];
    }
  }
  return order;
}

std::vector<double> slot_gains(const at::Tensor& scores, const Pattern& pattern,
                               const ChannelOrder& order, std::int64_t slot) {
  return gains_of(describe_slot(permuted(scores, order), pattern, slot));
}

ChannelOrder refine_by_assignment(const at::Tensor& scores, const Pattern& pattern,
                                  ChannelOrder order, std::int64_t blocks) {
  const auto groups = static_cast<std::int64_t>(order.size()) / pattern.group;
  blocks = std::clamp<std::int64_t>(blocks, 1, groups);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto begin = order.begin() + groups * block / blocks * pattern.group;
    const auto end = order.begin() + groups * (block + 1) / blocks * pattern.group;
    ChannelOrder part(begin, end);
    for (std::int64_t slot = 0; slot < pattern.group; ++slot) {
      refine_slot(scores, pattern, part, slot);
    }
    std::copy(part.begin(), part.end(), begin);
  }
  return order;
}

at::Tensor keep_permuted(const at::Tensor& scores, const Pattern& pattern,
                         const ChannelOrder& order) {
  const at::Tensor keep = keep_n_of_m(permuted(scores, order), pattern);
  return at::empty_like(keep).index_copy_(1, as_index(order), keep);
}

}  // namespace assay
