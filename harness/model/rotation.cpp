#include "harness/model/rotation.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

#include "harness/model/kernels/rowwise_torch.h"

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

void rotate_by_operators(at::Tensor& rows, std::int64_t heads, std::int64_t head_dim,
                         const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor split =
      rows.narrow(1, 0, heads * head_dim).view({rows.size(0), heads, head_dim});
  const std::int64_t half = cos.size(1);
  at::Tensor first = split.narrow(2, 0, half);
  at::Tensor second = split.narrow(2, half, half);
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
  const bool known = rows.scalar_type() == at::kFloat || rows.scalar_type() == at::kBFloat16;
  if (rows.device().is_cpu() && known && !rows.requires_grad()) {
    rotate_heads_cpu(rows, heads, head_dim, cos, sin);
  } else {
    rotate_by_operators(rows, heads, head_dim, cos, sin);
  }
}

}  // namespace assay
