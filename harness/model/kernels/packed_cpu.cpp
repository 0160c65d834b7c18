#include "harness/model/kernels/packed_cpu.h"

// Processors from Ice Lake and Zen 4 on multiply and add 16-bit integers in one instruction; they
// are Highway's target AVX3_DL, which has to be asked for. packed_input_cpu.cpp has to ask, too.
#define HWY_WANT_AVX3_DL 1
// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/packed_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/packed_words-inl.h"
// clang-format on

#include <algorithm>
#include <array>
#include <vector>

#include "harness/model/kernels/packed_layout.h"

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

/// Reads `count` < lane_count() elements as a whole vector with zeros behind them.
template <typename Element, typename Load>
HWY_INLINE V load_some(const Element* from, std::int64_t count, Load load_all) {
  if (count >= lane_count()) return load_all(from);
  std::array<Element, HWY_MAX_BYTES> padded{};
  std::copy(from, from + count, padded.begin());
  return load_all(padded.data());
}

HWY_INLINE V load_scales(const std::uint16_t* from, std::int64_t count) {
  return load_some(from, count, [](const std::uint16_t* p) HWY_ATTR {
    const hn::Rebind<hwy::float16_t, D> half;
    return hn::PromoteTo(D(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
  });
}

HWY_INLINE V load_zeros(const std::uint8_t* from, std::int64_t count) {
  return load_some(from, count, [](const std::uint8_t* p) HWY_ATTR {
    return hn::ConvertTo(D(), hn::PromoteTo(I32(), hn::LoadU(hn::Rebind<std::uint8_t, D>(), p)));
  });
}

/// How the scales of a row go to the lanes of its vectors: `many` to each vector, and on to the
/// next ones after `vectors` vectors. Groups that fit neither way are first spread over units.
struct ScalePlan {
  ScalePlan(const PackedView& matrix, std::int64_t vector_cols) : groups(matrix.groups()) {
    const std::int64_t group = matrix.group;
    if (group % vector_cols == 0) {
      vectors = group / vector_cols;
    } else if (vector_cols % group == 0) {
      many = vector_cols / group;
    } else {
      many = vector_cols / kPackedUnit;
      spread = group / kPackedUnit;
      entries = packed_units(matrix.cols);
    }
    entries = std::max(entries, groups);
    padded = entries + many + 2 * lane_count();
  }
  std::int64_t groups = 0, many = 1, vectors = 1, spread = 1, entries = 0;
  std::int64_t padded = 0;  ///< floats to keep for a row: vectors at its end reach beyond
};

/// What is prepared of a row before its codes are read, `floats` long: its scales as fp32, then a
/// vector for each activation row, in which its total starts with what the zero points take away:
/// sum_c scale (code - zero) x = sum_g scale_g (sum_c code x - zero_g sum_c x).
struct RowStart {
  RowStart(const ScalePlan& plan, std::int64_t batch) : totals(plan.padded), floats(totals) {
    floats += batch * lane_count();
  }
  std::int64_t totals, floats;
};

template <int kBatch>
HWY_INLINE void prepare_row(const PackedView& matrix, const PackedInput& x,
                            std::int64_t sums_stride, const ScalePlan& plan, std::int64_t row,
                            float* to) {
  V totals[kBatch];
  ASSAY_UNROLL for (auto& total : totals) total = hn::Zero(D());
  for (std::int64_t g = 0; g < plan.groups; g += lane_count()) {
    const std::int64_t at = row * plan.groups + g;
    const V scale = load_scales(matrix.scales + at, plan.groups - g);
    const V zero = load_zeros(matrix.zeros + at, plan.groups - g);
    const V both = hn::Mul(scale, zero);
    store(scale, to + g);
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
      totals[b] = hn::NegMulAdd(both, load(x.group_sums + b * sums_stride + g), totals[b]);
    }
  }
  ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
    store(totals[b], to + plan.padded + b * lane_count());
  }
  if (plan.spread == 1) return;
  for (std::int64_t u = plan.entries - 1; u > 0; --u) to[u] = to[u / plan.spread];
}

/// What the vectors at one place of kRows rows are multiplied with.
struct BlockInput {
  const std::int16_t* values;
  const float* lane_scales;
  std::int64_t values_stride, lane_scales_stride;  ///< between activation rows
  const float* scales;
  std::int64_t scales_stride;  ///< between weight rows
};

template <int kBits, int kBatch, int kRows, typename Lanes>
HWY_INLINE void add_block(Block<kBits> (&blocks)[kRows], const BlockInput& in, Lanes lanes,
                          V (&totals)[kRows][kBatch]) {
  Sums sums[kRows][kBatch];
  ASSAY_UNROLL for (auto& line : sums) {
    ASSAY_UNROLL for (auto& sum : line) sum = hn::Zero(I32());
  }
  ASSAY_UNROLL for (int f = 0; f < Coding<kBits>::kFields; ++f) {
    Words codes[kRows];
    ASSAY_UNROLL for (int r = 0; r < kRows; ++r) codes[r] = blocks[r].take();
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
      const auto x = load_values(in.values + b * in.values_stride + f * kWords);
      ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
        sums[r][b] = add_products(sums[r][b], codes[r], x);
      }
    }
  }
  ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
    const V scale = hn::TableLookupLanes(load(in.scales + r * in.scales_stride), lanes);
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
      const V x_scale = load(in.lane_scales + b * in.lane_scales_stride);
      const V sum = hn::Mul(hn::ConvertTo(D(), sums[r][b]), x_scale);
      totals[r][b] = hn::MulAdd(sum, scale, totals[r][b]);
    }
  }
}

/// Copies the bytes in front of `end` where a whole vector at `p` would reach beyond.
HWY_INLINE const std::uint8_t* within(const std::uint8_t* p, const std::uint8_t* end,
                                      std::array<std::uint8_t, HWY_MAX_BYTES>& copy) {
  if (end - p >= static_cast<std::ptrdiff_t>(copy.size())) return p;
  std::copy(p, end, copy.begin());
  return copy.data();
}

/// All that does not change from row to row.
template <int kBits>
struct Job {
  Job(const PackedView& view, const PackedInput& input)
      : matrix(view),
        x(input),
        sizes(packed_input_sizes(view)),
        plan(view, Coding<kBits>::kVectorCols),
        start(plan, std::min<std::int64_t>(input.batch, 4)),
        row_bytes(packed_row_bytes(view.cols, kBits)),
        word_bytes(packed_word_bytes(view.cols, kBits)),
        end(view.codes + view.rows * row_bytes) {}
  const PackedView& matrix;
  const PackedInput& x;
  PackedInputSizes sizes;
  ScalePlan plan;
  RowStart start;
  std::int64_t row_bytes, word_bytes;
  const std::uint8_t* end;
};

/// Fetches codes into the second-level cache well before they are read. Two rows side by side are
/// two short streams, which the processor's own prefetching does not follow.
template <int kBits, int kRows>
class Fetcher {
 public:
  HWY_INLINE Fetcher(const Job<kBits>& job, const std::uint8_t* rows)
      : next_(rows + (kRows - 1) * job.row_bytes + kAhead) {
    if constexpr (kBits == 3) next_ += job.word_bytes;
  }
  /// As much as one vector of each row takes, upper bits included.
  HWY_INLINE void step() {
    constexpr std::int64_t kLine = 64, kBytes = kRows * 2 * kWords * kBits / Coding<kBits>::kField;
    for (std::int64_t b = 0; b < kBytes; b += kLine) __builtin_prefetch(next_ + b, 0, 2);
    next_ += kBytes;
  }

 private:
  static constexpr std::int64_t kAhead = 4096;
  const std::uint8_t* next_;
};

/// kRows weight rows times kBatch activation rows. Several weight rows share the loads of x, which
/// weigh as much as the codes: 16 bits of x meet 2 of a code.
template <int kBits, int kBatch, int kRows>
HWY_INLINE void rows_product(const Job<kBits>& job, std::int64_t row, const float* prepared,
                             V (&totals)[kRows][kBatch]) {
  constexpr std::int64_t kBytes = 2 * kWords;
  const ScalePlan& plan = job.plan;
  ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
    const float* first = prepared + r * job.start.floats + job.start.totals;
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) totals[r][b] = load(first + b * lane_count());
  }
  HWY_ALIGN std::array<std::int32_t, HWY_LANES(std::int32_t)> places;
  for (std::int64_t l = 0; l < lane_count(); ++l) {
    places[l] = static_cast<std::int32_t>(l * plan.many / lane_count());
  }
  const auto lanes = hn::SetTableIndices(D(), places.data());
  BlockInput in;
  in.values = job.x.values;
  in.lane_scales = job.x.lane_scales;
  in.values_stride = job.sizes.values;
  in.lane_scales_stride = job.sizes.lane_scales;
  in.scales = prepared;
  in.scales_stride = job.start.floats;
  std::int64_t left = plan.vectors;
  const std::uint8_t* low = job.matrix.codes + row * job.row_bytes;
  const std::uint8_t* high = low + job.word_bytes;
  const auto next = [&]() HWY_ATTR {
    low += kBytes;
    high += kBytes / 2;
    in.values += Coding<kBits>::kFields * kWords;
    in.lane_scales += lane_count();
    if (--left > 0) return;
    left = plan.vectors;
    in.scales += plan.many;
  };
  Fetcher<kBits, kRows> fetcher(job, low);
  Block<kBits> blocks[kRows];
  std::int64_t bytes = job.word_bytes;
  for (; bytes >= kBytes; bytes -= kBytes) {
    ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
      blocks[r].load_at(low + r * job.row_bytes, high + r * job.row_bytes);
    }
    fetcher.step();
    add_block(blocks, in, lanes, totals);
    next();
  }
  if (bytes == 0) return;
  ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
    std::array<std::uint8_t, HWY_MAX_BYTES> low_copy{}, high_copy{};
    const std::uint8_t* upper = high + r * job.row_bytes;
    if constexpr (kBits == 3) upper = within(upper, job.end, high_copy);
    blocks[r].load_at(within(low + r * job.row_bytes, job.end, low_copy), upper);
  }
  add_block(blocks, in, lanes, totals);
}

template <int kBits, int kBatch, int kRows>
HWY_INLINE void store_rows(const Job<kBits>& job, std::int64_t row, const float* prepared,
                           const PackedOutput& y) {
  V totals[kRows][kBatch];
  rows_product<kBits>(job, row, prepared, totals);
  ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
    if (b >= y.count) break;
    ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
      y.values[b * y.stride + row + r] = sum_of(totals[r][b]);
    }
  }
}

/// Rows are prepared one step ahead: loads from what has just been stored in other pieces wait
/// until the stores have left the pipeline, and no code would be fetched meanwhile.
template <int kBits, int kBatch>
void range_product(const PackedView& matrix, const PackedInput& x, std::int64_t begin,
                   std::int64_t end, const PackedOutput& y) {
  constexpr int kRows = 2;
  const Job<kBits> job(matrix, x);
  std::vector<float> memory(static_cast<std::size_t>(2 * kRows * job.start.floats));
  float* now = memory.data();
  float* ahead = now + kRows * job.start.floats;
  const auto prepare = [&](std::int64_t row, float* to) HWY_ATTR {
    for (std::int64_t r = row; r < std::min(end, row + kRows); ++r, to += job.start.floats) {
      prepare_row<kBatch>(matrix, x, job.sizes.group_sums, job.plan, r, to);
    }
  };
  prepare(begin, now);
  std::int64_t row = begin;
  for (; row + kRows <= end; row += kRows) {
    prepare(row + kRows, ahead);
    store_rows<kBits, kBatch, kRows>(job, row, now, y);
    std::swap(now, ahead);
  }
  for (; row < end; ++row, now += job.start.floats) {
    store_rows<kBits, kBatch, 1>(job, row, now, y);
  }
}

/// Eight activation rows as twice four: with more the sums would not stay in registers. The codes
/// come from the cache the second time.
template <int kBits>
void two_halves(const PackedView& matrix, PackedInput x, std::int64_t begin, std::int64_t end,
                PackedOutput y) {
  constexpr std::int64_t kHalf = 4;
  const PackedInputSizes sizes = packed_input_sizes(matrix);
  const std::int64_t count = y.count;
  y.count = std::min(kHalf, count);
  range_product<kBits, kHalf>(matrix, x, begin, end, y);
  x.values += kHalf * sizes.values;
  x.lane_scales += kHalf * sizes.lane_scales;
  x.group_sums += kHalf * sizes.group_sums;
  y.values += kHalf * y.stride;
  y.count = count - y.count;
  range_product<kBits, kHalf>(matrix, x, begin, end, y);
}

template <int kBits>
void by_batch(const PackedView& matrix, const PackedInput& x, std::int64_t begin, std::int64_t end,
              const PackedOutput& y) {
  switch (x.batch) {
    case 1:
      return range_product<kBits, 1>(matrix, x, begin, end, y);
    case 2:
      return range_product<kBits, 2>(matrix, x, begin, end, y);
    case 4:
      return range_product<kBits, 4>(matrix, x, begin, end, y);
    default:
      return two_halves<kBits>(matrix, x, begin, end, y);
  }
}

void product(const PackedView& matrix, const PackedInput& x, std::int64_t begin, std::int64_t end,
             const PackedOutput& y) {
  switch (matrix.bits) {
    case 2:
      return by_batch<2>(matrix, x, begin, end, y);
    case 3:
      return by_batch<3>(matrix, x, begin, end, y);
    case 4:
      return by_batch<4>(matrix, x, begin, end, y);
    default:
      return by_batch<8>(matrix, x, begin, end, y);
  }
}

const char* packed_target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(product);
HWY_EXPORT(packed_target_name);

void packed_product_rows(const PackedView& matrix, const PackedInput& x, std::int64_t begin,
                         std::int64_t end, const PackedOutput& y) {
  HWY_DYNAMIC_DISPATCH(product)(matrix, x, begin, end, y);
}

const char* packed_target() { return HWY_DYNAMIC_DISPATCH(packed_target_name)(); }

}  // namespace assay
#endif
