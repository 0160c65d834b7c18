#pragma once
// Products of packed matrices (packed_layout.h) with a few rows of activations. Plain pointers, no
// torch types: what parallelises and checks is packed.h.
//
// Activations become 16-bit fixed point, each 32 columns with their own scale, largest magnitude /
// 32767; sums of products are then exact integers until a scale comes in. An activation is off by
// at most 2^-16 of the largest one among its 32, 2^-7 of what rounding to bfloat16 costs at worst.

#include <cstdint>

namespace assay {

/// Most activation rows of one call.
inline constexpr std::int64_t kPackedMaxBatch = 8;

/// A packed matrix; pointers as in PackedMatrix.
struct PackedView {
  const std::uint8_t* codes = nullptr;    ///< [rows, row_bytes]
  const std::uint16_t* scales = nullptr;  ///< f16 bits [rows, groups]
  const std::uint8_t* zeros = nullptr;    ///< [rows, groups]
  std::int64_t rows = 0, cols = 0, bits = 0, group = 0;
  [[nodiscard]] std::int64_t groups() const { return (cols + group - 1) / group; }
};

/// Sizes of what packed_arrange() fills for one activation row, in elements. Rows stand one after
/// the other.
struct PackedInputSizes {
  std::int64_t values = 0, lane_scales = 0, group_sums = 0;
};
PackedInputSizes packed_input_sizes(const PackedView& matrix);

/// Activations as packed_product_rows() wants them, in the order in which this processor takes
/// codes apart.
struct PackedInput {
  std::int16_t* values = nullptr;
  float* lane_scales = nullptr;  ///< what a 32-bit lane of integer sums stands for
  float* group_sums = nullptr;   ///< of the rounded activations
  /// 1, 2, 4 or 8: rows beyond those that are arranged must be zero.
  std::int64_t batch = 1;
};

/// Arranges row `row`, x [cols]. Where x has a value that is not finite, every result is NaN.
void packed_arrange(const PackedView& matrix, const float* x, std::int64_t row,
                    const PackedInput& to);

/// Where products go: f32 [count, rows], rows `stride` apart.
struct PackedOutput {
  float* values = nullptr;
  std::int64_t stride = 0;
  std::int64_t count = 0;  ///< activation rows, at most PackedInput::batch
};

/// y[b, r] = W[r] . x_b for the rows r of [begin, end).
void packed_product_rows(const PackedView& matrix, const PackedInput& x, std::int64_t begin,
                         std::int64_t end, const PackedOutput& y);

/// W[begin .. end) -> out [end - begin, cols], computed in fp32 and rounded once.
void packed_dequantise_rows(const PackedView& matrix, std::int64_t begin, std::int64_t end,
                            float* out);
void packed_dequantise_rows(const PackedView& matrix, std::int64_t begin, std::int64_t end,
                            std::uint16_t* out);

/// "AVX3_DL", "AVX2", ...: the instruction set that the calls above run with here.
const char* packed_target();

}  // namespace assay
