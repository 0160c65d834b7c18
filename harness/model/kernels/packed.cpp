#include "harness/model/kernels/packed.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/kernels/bf16.h"
#include "harness/model/kernels/cuda/cuda_table.h"
#include "harness/model/kernels/device_kernels.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/kernels/packed_cpu.h"
#include "harness/model/kernels/packed_layout.h"
#include "harness/model/kernels/pieces.h"
#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

/// Weights of a dequantised tile; 8 MiB in fp32, so that most caches hold it.
constexpr std::int64_t kTileWeights = std::int64_t{2} << 20;
constexpr std::int64_t kLeastTileRows = 64;
/// Activation rows that stand in fixed point at a time: with more of them the codes are read more
/// seldom, and by then they have long ceased to matter.
constexpr std::int64_t kRowsAtOnce = 512;

[[noreturn]] void refuse(const std::string& what) {
  throw std::logic_error("packed matrix: " + what);
}

void require_packed(bool condition, const char* what) {
  if (!condition) refuse(what);
}

std::int64_t groups_of(const PackedMatrix& matrix) {
  return (matrix.cols + matrix.group - 1) / matrix.group;
}

bool is_plain(const at::Tensor& tensor, at::ScalarType dtype, std::int64_t rows,
              std::int64_t cols) {
  return tensor.defined() && tensor.scalar_type() == dtype && tensor.is_contiguous() &&
         tensor.dim() == 2 && tensor.size(0) == rows && tensor.size(1) == cols;
}

void check(const PackedMatrix& m) {
  require_packed(m.bits == 2 || m.bits == 3 || m.bits == 4 || m.bits == 8,
                 "bits must be 2, 3, 4 or 8");
  require_packed(m.group > 0 && m.group % kPackedUnit == 0, "the group must be a multiple of 32");
  require_packed(m.rows >= 0 && m.cols > 0, "it has no columns");
  require_packed(is_plain(m.codes, at::kByte, m.rows, packed_row_bytes(m.cols, m.bits)),
                 "the codes do not fit its size");
  require_packed(is_plain(m.scales, at::kHalf, m.rows, groups_of(m)),
                 "the scales do not fit its size");
  require_packed(is_plain(m.zeros, at::kByte, m.rows, groups_of(m)),
                 "the zeros do not fit its size");
}

PackedView view(const PackedMatrix& matrix) {
  PackedView view;
  view.codes = matrix.codes.const_data_ptr<std::uint8_t>();
  view.scales = reinterpret_cast<const std::uint16_t*>(matrix.scales.const_data_ptr<at::Half>());
  view.zeros = matrix.zeros.const_data_ptr<std::uint8_t>();
  view.rows = matrix.rows;
  view.cols = matrix.cols;
  view.bits = matrix.bits;
  view.group = matrix.group;
  return view;
}

/// Where the code of a column lies in its row: see packed_layout.h.
struct Place {
  std::int64_t byte, shift, upper_byte, upper_bit;
};

Place place_of(std::int64_t column, std::int64_t cols, std::int64_t bits) {
  const std::int64_t words = packed_words(bits), unit = column / kPackedUnit;
  const std::int64_t word = unit * words + column % words;
  const std::int64_t field = column % kPackedUnit / words;
  const std::int64_t first = field * packed_field(bits);
  return {word * 2 + first / 8, first % 8, packed_word_bytes(cols, bits) + word, field};
}

void pack_row(const std::uint8_t* codes, std::int64_t cols, std::int64_t bits, std::uint8_t* row) {
  for (std::int64_t c = 0; c < cols; ++c) {
    const Place place = place_of(c, cols, bits);
    const int mask = (1 << packed_field(bits)) - 1;
    row[place.byte] = static_cast<std::uint8_t>(row[place.byte] | (codes[c] & mask) << place.shift);
    if (bits != 3) continue;
    const int upper = codes[c] >> 2 << place.upper_bit;
    row[place.upper_byte] = static_cast<std::uint8_t>(row[place.upper_byte] | upper);
  }
}

void unpack_row(const std::uint8_t* row, std::int64_t cols, std::int64_t bits,
                std::uint8_t* codes) {
  for (std::int64_t c = 0; c < cols; ++c) {
    const Place place = place_of(c, cols, bits);
    int code = row[place.byte] >> place.shift & ((1 << packed_field(bits)) - 1);
    if (bits == 3) code |= (row[place.upper_byte] >> place.upper_bit & 1) << 2;
    codes[c] = static_cast<std::uint8_t>(code);
  }
}

/// Rows of [begin, end) as a plain tensor.
at::Tensor dequantise_rows(const PackedMatrix& matrix, at::ScalarType dtype, std::int64_t begin,
                           std::int64_t end) {
  if (!matrix.codes.device().is_cpu()) return plain_dequantise(matrix, dtype, begin, end);
  at::Tensor result = at::empty({end - begin, matrix.cols}, matrix.codes.options().dtype(dtype));
  const PackedView from = view(matrix);
  const std::int64_t piece = std::max<std::int64_t>(1, 4 * kPieceBytes / matrix.cols);
  for_each_piece(end - begin, piece, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * matrix.cols;
    if (dtype == at::kFloat) {
      packed_dequantise_rows(from, begin + first, begin + last,
                             result.mutable_data_ptr<float>() + at);
    } else {
      auto* out = reinterpret_cast<std::uint16_t*>(result.mutable_data_ptr<at::BFloat16>()) + at;
      packed_dequantise_rows(from, begin + first, begin + last, out);
    }
  });
  return result;
}

/// Activations in fixed point, and the memory that they stand in: blocks of up to kPackedMaxBatch
/// rows, one after the other.
class FixedRows {
 public:
  /// rows f32 [n, cols] contiguous
  FixedRows(const at::Tensor& rows, const PackedView& matrix)
      : count_(rows.size(0)), sizes_(packed_input_sizes(matrix)) {
    batch_ = count_ <= 2 ? count_ : count_ <= 4 ? 4 : kPackedMaxBatch;
    const std::int64_t padded = blocks() * batch_;
    values_.resize(static_cast<std::size_t>(padded * sizes_.values));
    lane_scales_.resize(static_cast<std::size_t>(padded * sizes_.lane_scales));
    group_sums_.resize(static_cast<std::size_t>(padded * sizes_.group_sums));
    const float* x = rows.const_data_ptr<float>();
    const std::int64_t some = std::max<std::int64_t>(1, kPieceBytes / rows.size(1));
    for_each_piece(count_, some, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        packed_arrange(matrix, x + r * matrix.cols, r % batch_, block(r / batch_));
      }
    });
  }
  [[nodiscard]] std::int64_t blocks() const { return (count_ + batch_ - 1) / batch_; }
  [[nodiscard]] std::int64_t first_of(std::int64_t block) const { return block * batch_; }
  [[nodiscard]] std::int64_t rows_of(std::int64_t block) const {
    return std::min(batch_, count_ - block * batch_);
  }
  [[nodiscard]] PackedInput block(std::int64_t index) {
    const std::int64_t row = first_of(index);
    return {values_.data() + row * sizes_.values, lane_scales_.data() + row * sizes_.lane_scales,
            group_sums_.data() + row * sizes_.group_sums, batch_};
  }

 private:
  std::int64_t count_, batch_ = 1;
  PackedInputSizes sizes_;
  std::vector<std::int16_t> values_;
  std::vector<float> lane_scales_, group_sums_;
};

/// rows f32 [n, cols] -> y f32 [n, matrix.rows]. A piece of work is some rows of the matrix times
/// one block of activations; a thread goes on with the next block, so that the codes stay in its
/// cache.
void fixed_point_product(const at::Tensor& rows, const PackedView& weight, float* y) {
  FixedRows x(rows, weight);
  const std::int64_t row_bytes = packed_row_bytes(weight.cols, weight.bits);
  const std::int64_t some = std::max<std::int64_t>(8, kPieceBytes / row_bytes);
  const std::int64_t blocks = x.blocks(), pieces = (weight.rows + some - 1) / some;
  for_each_piece(pieces * blocks, 1, [&](std::int64_t i, std::int64_t) {
    const std::int64_t begin = i / blocks * some, block = i % blocks;
    const PackedOutput to{y + x.first_of(block) * weight.rows, weight.rows, x.rows_of(block)};
    packed_product_rows(weight, x.block(block), begin, std::min(weight.rows, begin + some), to);
  });
}

at::Tensor cpu_product(const at::Tensor& rows, const PackedMatrix& matrix, const at::Tensor& bias) {
  const at::Tensor x = rows.to(at::kFloat);
  at::Tensor y = at::empty({rows.size(0), matrix.rows}, rows.options().dtype(at::kFloat));
  for (std::int64_t first = 0; first < x.size(0); first += kRowsAtOnce) {
    const std::int64_t count = std::min(kRowsAtOnce, x.size(0) - first);
    fixed_point_product(x.narrow(0, first, count), view(matrix),
                        y.mutable_data_ptr<float>() + first * matrix.rows);
  }
  if (bias.defined()) y.add_(bias);
  return y.to(rows.scalar_type());
}

/// With tiles of dequantised weights in the rows' dtype, so that the whole matrix never stands
/// unpacked.
at::Tensor tiled_product(const at::Tensor& rows, const PackedMatrix& matrix,
                         const at::Tensor& bias) {
  at::Tensor y = at::empty({rows.size(0), matrix.rows}, rows.options());
  const std::int64_t tile = std::max(kLeastTileRows, kTileWeights / matrix.cols / 64 * 64);
  for (std::int64_t first = 0; first < matrix.rows; first += tile) {
    const std::int64_t count = std::min(tile, matrix.rows - first);
    const at::Tensor weight = dequantise_rows(matrix, rows.scalar_type(), first, first + count);
    const at::Tensor b = bias.defined() ? bias.narrow(0, first, count) : bias;
    y.narrow(1, first, count).copy_(dense_product(rows, weight, b));
  }
  return y;
}

}  // namespace

std::int64_t PackedMatrix::bytes() const {
  return static_cast<std::int64_t>(codes.nbytes() + scales.nbytes() + zeros.nbytes());
}

std::int64_t packed_bytes(std::int64_t rows, std::int64_t cols, std::int64_t bits,
                          std::int64_t group) {
  const std::int64_t groups = (cols + group - 1) / group;
  return rows * (packed_row_bytes(cols, bits) + 3 * groups);
}

PackedMatrix pack_matrix(const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& zeros,
                         std::int64_t bits, std::int64_t group) {
  require_packed(codes.dim() == 2 && codes.scalar_type() == at::kByte && codes.device().is_cpu(),
                 "the codes to pack must be uint8 [rows, cols] on the CPU");
  PackedMatrix matrix;
  matrix.rows = codes.size(0);
  matrix.cols = codes.size(1);
  matrix.bits = bits;
  matrix.group = group;
  require_packed(codes.numel() == 0 || codes.max().item<int>() >> bits == 0,
                 "a code has too many bits");
  matrix.codes =
      empty_on_large_pages({matrix.rows, packed_row_bytes(matrix.cols, bits)}, codes.options());
  matrix.codes.zero_();
  matrix.scales = scales.to(at::kHalf).contiguous();
  matrix.zeros = zeros.to(at::kByte).contiguous();
  check(matrix);
  const at::Tensor plain = codes.contiguous();
  const auto* from = plain.const_data_ptr<std::uint8_t>();
  auto* to = matrix.codes.mutable_data_ptr<std::uint8_t>();
  at::parallel_for(0, matrix.rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      pack_row(from + r * matrix.cols, matrix.cols, bits, to + r * matrix.codes.size(1));
    }
  });
  return matrix;
}

at::Tensor unpack_codes(const PackedMatrix& matrix) {
  check(matrix);
  require_packed(matrix.codes.device().is_cpu(), "codes are unpacked on the CPU");
  at::Tensor result = at::empty({matrix.rows, matrix.cols}, matrix.codes.options());
  const auto* from = matrix.codes.const_data_ptr<std::uint8_t>();
  auto* to = result.mutable_data_ptr<std::uint8_t>();
  at::parallel_for(0, matrix.rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      unpack_row(from + r * matrix.codes.size(1), matrix.cols, matrix.bits, to + r * matrix.cols);
    }
  });
  return result;
}

at::Tensor dequantise(const PackedMatrix& matrix, at::ScalarType dtype) {
  check(matrix);
  require_packed(dtype == at::kFloat || dtype == at::kBFloat16,
                 "weights are dequantised to fp32 or bf16");
  return dequantise_rows(matrix, dtype, 0, matrix.rows);
}

at::Tensor packed_product(const at::Tensor& rows, const PackedMatrix& matrix,
                          const at::Tensor& bias) {
  check(matrix);
  require_packed(rows.dim() == 2 && rows.size(1) == matrix.cols &&
                     (rows.scalar_type() == at::kFloat || rows.scalar_type() == at::kBFloat16),
                 "the activations must be fp32 or bf16 [n, cols]");
  require_packed(!bias.defined() || bias.numel() == matrix.rows, "the bias does not fit its rows");
  require_packed(rows.device() == matrix.codes.device(),
                 "it lies on another device than the activations");
  const at::Tensor plain = rows.contiguous();
  if (cpu_kernels_apply(plain) && !needs_gradient(bias)) return cpu_product(plain, matrix, bias);
  if (plain.size(0) <= kCudaPackedMaxBatch && has_device_kernels(plain.device()) &&
      !needs_gradient(plain, bias)) {
    at::Tensor y = device_packed_product(plain, matrix);
    return (bias.defined() ? y.add_(bias) : y).to(rows.scalar_type());
  }
  return tiled_product(plain, matrix, bias);
}

}  // namespace assay
