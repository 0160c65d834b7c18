#include "harness/model/rotation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

namespace assay {
namespace {

// LLaMA-3: long wavelengths are slowed by the factor, short ones kept, those between blended.
float llama3_frequency(const RopeScaling& scaling, float frequency) {
  const auto factor = static_cast<float>(scaling.factor);
  const auto low = static_cast<float>(scaling.low_frequency_factor);
  const auto high = static_cast<float>(scaling.high_frequency_factor);
  const auto context = static_cast<float>(scaling.original_positions);
  const float wavelength = 2.0F * std::numbers::pi_v<float> / frequency;
  if (wavelength < context / high) return frequency;
  if (wavelength > context / low) return frequency / factor;
  const float smooth = (context / wavelength - low) / (high - low);
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

float scaled_frequency(const RopeScaling& scaling, float frequency) {
  if (scaling.kind == "linear") return frequency / static_cast<float>(scaling.factor);
  if (scaling.kind == "llama3") return llama3_frequency(scaling, frequency);
  return frequency;
}

struct RowShape {
  std::int64_t heads, head_dim, half, stride;
};

template <typename Scalar>
void rotate_row(Scalar* row, const float* cos, const float* sin, const RowShape& shape) {
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    Scalar* first = row + h * shape.head_dim;
    Scalar* second = first + shape.half;
    for (std::int64_t i = 0; i < shape.half; ++i) {
      const auto a = static_cast<float>(first[i]);
      const auto b = static_cast<float>(second[i]);
      first[i] = static_cast<Scalar>(a * cos[i] - b * sin[i]);
      second[i] = static_cast<Scalar>(b * cos[i] + a * sin[i]);
    }
  }
}

template <typename Scalar>
void rotate_rows(at::Tensor& rows, const at::Tensor& cos, const at::Tensor& sin,
                 const RowShape& shape) {
  auto* data = rows.mutable_data_ptr<Scalar>();
  const auto* c = cos.const_data_ptr<float>();
  const auto* s = sin.const_data_ptr<float>();
  constexpr std::int64_t kGrain = 16;
  at::parallel_for(0, rows.size(0), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      rotate_row(data + r * shape.stride, c + r * shape.half, s + r * shape.half, shape);
    }
  });
}

void rotate_by_operators(at::Tensor& rows, const at::Tensor& cos, const at::Tensor& sin,
                         const RowShape& shape) {
  const at::Tensor heads = rows.narrow(1, 0, shape.heads * shape.head_dim)
                               .view({rows.size(0), shape.heads, shape.head_dim});
  at::Tensor first = heads.narrow(2, 0, shape.half);
  at::Tensor second = heads.narrow(2, shape.half, shape.half);
  const at::Tensor a = first.to(at::kFloat, false, true);
  const at::Tensor b = second.to(at::kFloat, false, true);
  const at::Tensor c = cos.unsqueeze(1);
  const at::Tensor s = sin.unsqueeze(1);
  first.copy_(a.mul(c).sub_(b.mul(s)));
  second.copy_(b.mul(c).add_(a.mul(s)));
}

}  // namespace

at::Tensor rope_frequencies(const ModelSpec& spec) {
  at::Tensor frequencies = at::empty({spec.rotary_dim / 2}, at::kFloat);
  auto* out = frequencies.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < spec.rotary_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.rotary_dim);
    const float plain = 1.0F / std::pow(static_cast<float>(spec.rope_theta), exponent);
    out[i] = scaled_frequency(spec.rope_scaling, plain);
  }
  return frequencies;
}

void rotate_heads(at::Tensor& rows, std::int64_t heads, std::int64_t head_dim,
                  const at::Tensor& cos, const at::Tensor& sin) {
  const RowShape shape{heads, head_dim, cos.size(1), rows.stride(0)};
  if (rows.device().is_cpu() && rows.scalar_type() == at::kFloat) {
    rotate_rows<float>(rows, cos, sin, shape);
  } else if (rows.device().is_cpu() && rows.scalar_type() == at::kBFloat16) {
    rotate_rows<at::BFloat16>(rows, cos, sin, shape);
  } else {
    rotate_by_operators(rows, cos, sin, shape);
  }
}

}  // namespace assay
