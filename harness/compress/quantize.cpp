#include "harness/compress/quantize.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr std::int64_t kBlock = 128;
constexpr float kLargestHalf = 65504.0F;
constexpr float kSmallestHalf = 5.9604644775390625e-08F;

/// w ~ scale * (code - zero).
struct Grid {
  float scale = 1;
  float zero = 0;
  float levels = 0;  ///< the largest code

  [[nodiscard]] float code(float weight) const {
    return std::clamp(std::nearbyint(weight / scale) + zero, 0.0F, levels);
  }
  [[nodiscard]] float value(float code) const { return scale * (code - zero); }
};

Grid fit_grid(const float* weights, std::int64_t count, std::int64_t bits) {
  float low = 0, high = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    low = std::min(low, weights[i]);
    high = std::max(high, weights[i]);
  }
  Grid grid;
  grid.levels = static_cast<float>((std::int64_t{1} << bits) - 1);
  if (low == high) return grid;
  const float step = std::clamp((high - low) / grid.levels, kSmallestHalf, kLargestHalf);
  grid.scale = static_cast<float>(c10::Half(step));
  grid.zero = std::clamp(std::nearbyint(-low / grid.scale), 0.0F, grid.levels);
  return grid;
}

void require_options(const QuantizeOptions& options) {
  const std::vector<std::string> problems = quantize_problems(options, "bits", "group");
  if (!problems.empty()) throw std::logic_error(problems.front());
}

void require_finite(const at::Tensor& weight) {
  if (std::isfinite(weight.sum(at::kDouble).item<double>())) return;
  throw UserError("a weight matrix to quantise holds NaN or infinity; check the model");
}

/// Codes and grids as they are found, row by row.
class Codes {
 public:
  Codes(std::int64_t rows, std::int64_t cols, const QuantizeOptions& options)
      : cols_(cols), group_(options.group), groups_((cols + group_ - 1) / group_) {
    require_options(options);
    const at::TensorOptions bytes = at::TensorOptions().dtype(at::kByte);
    out_.options = options;
    out_.codes = at::empty({rows, cols}, bytes);
    out_.scales = at::empty({rows, groups_}, at::TensorOptions().dtype(at::kFloat));
    out_.zeros = at::empty({rows, groups_}, bytes);
    codes_ = out_.codes.mutable_data_ptr<std::uint8_t>();
    scales_ = out_.scales.mutable_data_ptr<float>();
    zeros_ = out_.zeros.mutable_data_ptr<std::uint8_t>();
  }

  /// The grid of the group that starts at `column`, from the row's weights as they are.
  [[nodiscard]] Grid start_group(std::int64_t row, std::int64_t column, const float* weights) {
    const std::int64_t count = std::min(group_, cols_ - column);
    const Grid grid = fit_grid(weights + column, count, out_.options.bits);
    scales_[row * groups_ + column / group_] = grid.scale;
    zeros_[row * groups_ + column / group_] = static_cast<std::uint8_t>(grid.zero);
    return grid;
  }
  /// The grid of the group that `column` is in, once it was started.
  [[nodiscard]] Grid grid_at(std::int64_t row, std::int64_t column) const {
    const std::int64_t at = row * groups_ + column / group_;
    return {scales_[at], static_cast<float>(zeros_[at]),
            static_cast<float>((std::int64_t{1} << out_.options.bits) - 1)};
  }
  /// Returns the value that the code stands for.
  float round(std::int64_t row, std::int64_t column, const Grid& grid, float weight) {
    const float code = grid.code(weight);
    codes_[row * cols_ + column] = static_cast<std::uint8_t>(code);
    return grid.value(code);
  }
  [[nodiscard]] bool starts_group(std::int64_t column) const { return column % group_ == 0; }
  [[nodiscard]] Quantized take() { return std::move(out_); }

 private:
  std::int64_t cols_, group_, groups_;
  Quantized out_;
  std::uint8_t* codes_ = nullptr;
  float* scales_ = nullptr;
  std::uint8_t* zeros_ = nullptr;
};

/// GPTQ over one row and the columns of one block; errors go to the columns behind the block later,
/// with one product for all rows.
struct BlockSweep {
  std::int64_t first, count;
  const float* factor;  ///< [count, count], the block of U on the diagonal

  void row(std::int64_t row, float* weights, float* errors, Codes& codes) const {
    Grid grid = codes.starts_group(first) ? Grid{} : codes.grid_at(row, first);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t column = first + i;
      if (codes.starts_group(column)) grid = codes.start_group(row, column, weights);
      float* w = weights + column;
      const float* u = factor + i * count + i;
      const float error = (*w - codes.round(row, column, grid, *w)) / *u;
      for (std::int64_t j = 1; j < count - i; ++j) w[j] -= error * u[j];
      errors[i] = error;
    }
  }
};

/// Columns that are swept before the rest is updated: whole groups, or a whole part of a group, so
/// that all weights of a group are up to date where it starts.
std::int64_t block_of(std::int64_t group) {
  return group <= kBlock ? kBlock / group * group : std::gcd(group, kBlock);
}

}  // namespace

std::vector<std::string> quantize_problems(const QuantizeOptions& options,
                                           const std::string& bits_name,
                                           const std::string& group_name) {
  std::vector<std::string> problems;
  const auto [bits, group] = options;
  if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
    problems.push_back(fmt::format("{} is {}: 2, 3, 4 and 8 are possible", bits_name, bits));
  }
  if (group <= 0 || group % kGroupMultiple != 0) {
    problems.push_back(
        fmt::format("{} is {}: it must be a multiple of {}", group_name, group, kGroupMultiple));
  }
  return problems;
}

Quantized quantize_rtn(const at::Tensor& weight, const QuantizeOptions& options) {
  require_finite(weight);
  const at::Tensor from = weight.contiguous();
  const std::int64_t rows = from.size(0), cols = from.size(1);
  Codes codes(rows, cols, options);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* w = from.const_data_ptr<float>() + r * cols;
    Grid grid;
    for (std::int64_t c = 0; c < cols; ++c) {
      if (codes.starts_group(c)) grid = codes.start_group(r, c, w);
      codes.round(r, c, grid, w[c]);
    }
  }
  return codes.take();
}

Quantized quantize_gptq(const at::Tensor& weight, const at::Tensor& hessian,
                        const QuantizeOptions& options, double damping, const DampingRetry& retry) {
  require_finite(weight);
  at::Tensor h = hessian.clone();
  const at::Tensor dead = at::eq(h.diagonal(), 0);
  h.diagonal().masked_fill_(dead, 1);
  const at::Tensor factor = inverse_factor(h, damping, retry);
  const at::Tensor w =
      weight.clone(at::MemoryFormat::Contiguous).masked_fill_(dead.unsqueeze(0), 0);
  const std::int64_t rows = w.size(0), cols = w.size(1);
  Codes codes(rows, cols, options);
  const std::int64_t block = block_of(options.group);
  for (std::int64_t first = 0; first < cols; first += block) {
    const std::int64_t count = std::min(block, cols - first);
    const at::Tensor square = factor.narrow(0, first, count).narrow(1, first, count).contiguous();
    const BlockSweep sweep{first, count, square.const_data_ptr<float>()};
    at::Tensor errors = at::empty({rows, count}, w.options());
    for (std::int64_t r = 0; r < rows; ++r) {
      sweep.row(r, w.mutable_data_ptr<float>() + r * cols,
                errors.mutable_data_ptr<float>() + r * count, codes);
    }
    const std::int64_t later = cols - first - count;
    if (later == 0) continue;
    const at::Tensor coupling = factor.narrow(0, first, count).narrow(1, first + count, later);
    w.narrow(1, first + count, later).sub_(errors.matmul(coupling));
  }
  return codes.take();
}

at::Tensor dequantise(const Quantized& quantized) {
  const std::int64_t cols = quantized.codes.size(1);
  const std::int64_t group = quantized.options.group;
  const auto wide = [&](const at::Tensor& each) {
    return each.to(at::kFloat).repeat_interleave(group, 1).narrow(1, 0, cols);
  };
  return quantized.codes.to(at::kFloat).sub_(wide(quantized.zeros)).mul_(wide(quantized.scales));
}

}  // namespace assay
