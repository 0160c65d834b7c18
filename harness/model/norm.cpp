#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>

#include <array>
#include <cmath>

#include "harness/model/model.h"
#include "harness/model/tensor_cost.h"

namespace assay {
namespace {

// Sixteen partial sums, so that the compiler may keep them in vector registers.
template <typename Scalar>
float sum_of_squares(const Scalar* row, std::int64_t width) {
  constexpr std::int64_t kLanes = 16;
  std::array<float, kLanes> partial{};
  std::int64_t at = 0;
  for (; at + kLanes <= width; at += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<float>(row[at + lane]);
      partial[static_cast<std::size_t>(lane)] += value * value;
    }
  }
  float sum = 0;
  for (; at < width; ++at) sum += static_cast<float>(row[at]) * static_cast<float>(row[at]);
  for (const float value : partial) sum += value;
  return sum;
}

// As transformers does it: the row is normed in f32, rounded to the dtype, then weighted.
template <typename Scalar>
void rms_rows(const at::Tensor& rows, const at::Tensor& weight, double eps, at::Tensor& out) {
  const std::int64_t width = rows.size(1);
  const Scalar* in = rows.const_data_ptr<Scalar>();
  const Scalar* scale = weight.const_data_ptr<Scalar>();
  Scalar* result = out.mutable_data_ptr<Scalar>();
  constexpr std::int64_t kGrain = 16;
  at::parallel_for(0, rows.size(0), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const Scalar* row = in + r * width;
      Scalar* to = result + r * width;
      const float mean = sum_of_squares(row, width) / static_cast<float>(width);
      const float factor = 1.0F / std::sqrt(mean + static_cast<float>(eps));
      for (std::int64_t c = 0; c < width; ++c) {
        const auto normed = static_cast<Scalar>(static_cast<float>(row[c]) * factor);
        to[c] = static_cast<Scalar>(static_cast<float>(normed) * static_cast<float>(scale[c]));
      }
    }
  });
}

at::Tensor rms_norm(const at::Tensor& rows, const at::Tensor& weight, double eps) {
  const bool plain = rows.device().is_cpu() && rows.is_contiguous() && !rows.requires_grad() &&
                     rows.scalar_type() == weight.scalar_type();
  if (plain && rows.scalar_type() == at::kFloat) {
    at::Tensor out = at::empty_like(rows);
    rms_rows<float>(rows, weight, eps, out);
    return out;
  }
  if (plain && rows.scalar_type() == at::kBFloat16) {
    at::Tensor out = at::empty_like(rows);
    rms_rows<at::BFloat16>(rows, weight, eps, out);
    return out;
  }
  const at::Tensor wide = rows.to(at::kFloat);
  const at::Tensor factor = at::rsqrt(wide.square().mean(-1, true).add(eps));
  return wide.mul(factor).to(rows.scalar_type()).mul(weight);
}

}  // namespace

at::Tensor NormBlock::forward(const at::Tensor& rows) const {
  if (!weight.defined()) return rows;
  if (kind == NormKind::kRmsNorm) return rms_norm(rows, weight, eps);
  return at::layer_norm(rows, {rows.size(1)}, weight, bias, eps);
}

Cost NormBlock::cost() const {
  Cost cost = tensor_cost(weight);
  cost += tensor_cost(bias);
  return cost;
}

NormBlock NormBlock::clone() const {
  return {kind, eps, weight.defined() ? weight.clone() : at::Tensor(),
          bias.defined() ? bias.clone() : at::Tensor()};
}

}  // namespace assay
