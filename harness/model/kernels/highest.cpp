#include "harness/model/kernels/highest.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/model/kernels/pieces.h"

namespace assay {
namespace {

constexpr int kBucketBits = 11;
constexpr std::size_t kBuckets = std::size_t{1} << kBucketBits;

/// Orders as the numbers do; 0 and -0 are one.
std::uint32_t key_of(float value) {
  constexpr std::uint32_t kSign = 0x80000000U;
  if (std::isnan(value)) value = std::numeric_limits<float>::infinity();
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

std::size_t bucket_of(std::uint32_t key) { return key >> (32 - kBucketBits); }

/// Selects in one row after the other, with the memory of the first.
class RowSelector {
 public:
  explicit RowSelector(std::int64_t units) : keys_(static_cast<std::size_t>(units)) {}

  /// count from 1 to the units
  void select(const float* scores, std::int64_t count, bool* kept) {
    buckets_.fill(0);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      keys_[i] = key_of(scores[i]);
      ++buckets_[bucket_of(keys_[i])];
    }
    const Edge edge = find_edge(static_cast<std::size_t>(count));
    std::size_t room = edge.room;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const bool on_edge = keys_[i] == edge.key;
      kept[i] = keys_[i] > edge.key || (on_edge && room > 0);
      if (on_edge && room > 0) --room;
    }
  }

 private:
  struct Edge {
    std::uint32_t key = 0;  ///< of the smallest that stays
    std::size_t room = 0;   ///< how many of this key stay
  };

  /// Counts buckets down to the one that holds the edge, and orders that one.
  Edge find_edge(std::size_t count) {
    std::size_t bucket = kBuckets - 1, above = 0;
    while (above + buckets_[bucket] < count) above += buckets_[bucket--];
    within_.clear();
    for (const std::uint32_t key : keys_) {
      if (bucket_of(key) == bucket) within_.push_back(key);
    }
    const auto nth = within_.begin() + static_cast<std::ptrdiff_t>(count - above - 1);
    std::nth_element(within_.begin(), nth, within_.end(), std::greater<>());
    const std::uint32_t key = *nth;
    const auto larger = std::count_if(within_.begin(), within_.end(),
                                      [key](std::uint32_t other) { return other > key; });
    return {key, count - above - static_cast<std::size_t>(larger)};
  }

  std::vector<std::uint32_t> keys_, within_;
  std::array<std::size_t, kBuckets> buckets_{};
};

at::Tensor highest_on_cpu(const at::Tensor& scores, std::int64_t count) {
  constexpr std::int64_t kPieceNumbers = 16384;
  const std::int64_t rows = scores.size(0), units = scores.size(1);
  at::Tensor kept = at::empty({rows, units}, scores.options().dtype(at::kBool));
  const auto* from = scores.const_data_ptr<float>();
  auto* to = kept.mutable_data_ptr<bool>();
  const std::int64_t piece = std::max<std::int64_t>(1, kPieceNumbers / units);
  for_each_piece(rows, piece, [&](std::int64_t begin, std::int64_t end) {
    RowSelector selector(units);
    for (std::int64_t row = begin; row < end; ++row) {
      selector.select(from + row * units, count, to + row * units);
    }
  });
  return kept;
}

at::Tensor highest_on_device(const at::Tensor& scores, std::int64_t count) {
  const at::Tensor known =
      at::where(scores.isnan(), std::numeric_limits<double>::infinity(), scores);
  const at::Tensor edge = std::get<0>(at::topk(known, count, 1)).narrow(1, count - 1, 1);
  const at::Tensor above = known.gt(edge), on_edge = known.eq(edge);
  const at::Tensor room = above.sum(1, /*keepdim=*/true).neg().add(count);
  return above.logical_or(on_edge.logical_and(on_edge.cumsum(1).le(room)));
}

}  // namespace

at::Tensor highest(const at::Tensor& scores, std::int64_t count) {
  if (count == 0 || scores.numel() == 0) {
    return at::zeros(scores.sizes(), scores.options().dtype(at::kBool));
  }
  const bool plain = scores.device().is_cpu() && scores.scalar_type() == at::kFloat;
  return plain ? highest_on_cpu(scores.contiguous(), count) : highest_on_device(scores, count);
}

Selection selection_of(const at::Tensor& mask) {
  if (!mask.device().is_cpu()) {
    const at::Tensor edges = at::zeros({mask.size(0)}, mask.options().dtype(at::kFloat));
    return select_outside(mask.to(at::kFloat).contiguous(), edges, edges);
  }
  const at::TensorOptions options = mask.options().dtype(at::kInt);
  Selection selection{at::empty({mask.size(0)}, options), at::empty({1}, options)};
  const at::Tensor flat = mask.contiguous();
  const auto* chosen = flat.const_data_ptr<bool>();
  auto* indices = selection.indices.mutable_data_ptr<std::int32_t>();
  std::int32_t count = 0;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(mask.size(0)); ++i) {
    indices[count] = i;
    count += static_cast<std::int32_t>(chosen[i]);
  }
  *selection.count.mutable_data_ptr<std::int32_t>() = count;
  return selection;
}

}  // namespace assay
