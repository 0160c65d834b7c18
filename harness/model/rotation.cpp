#include "harness/model/rotation.h"

#include <ATen/ops/empty.h>

#include <algorithm>
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

/// YaRN: from dimension `low` on, frequencies go over to those slowed by the factor, wholly at
/// `high`.
struct YarnRange {
  double low = 0;
  double high = 0;
};

// The dimension whose frequency turns `rotations` times over the original length.
double yarn_dimension(const ModelSpec& spec, double rotations) {
  const auto length = static_cast<double>(spec.rope_scaling.original_positions);
  const auto dimensions = static_cast<double>(spec.rotary_dim);
  return dimensions * std::log(length / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(spec.rope_theta));
}

YarnRange yarn_range(const ModelSpec& spec) {
  YarnRange range{yarn_dimension(spec, spec.rope_scaling.beta_fast),
                  yarn_dimension(spec, spec.rope_scaling.beta_slow)};
  if (spec.rope_scaling.truncate) range = {std::floor(range.low), std::ceil(range.high)};
  range.low = std::max(range.low, 0.0);
  range.high = std::min(range.high, static_cast<double>(spec.rotary_dim - 1));
  if (range.low == range.high) range.high += 0.001;
  return range;
}

float yarn_frequency(const ModelSpec& spec, const YarnRange& range, std::int64_t index,
                     float power) {
  const auto low = static_cast<float>(range.low),
             width = static_cast<float>(range.high - range.low);
  const float slowed = std::clamp((static_cast<float>(index) - low) / width, 0.0F, 1.0F);
  const float kept = 1.0F - slowed;
  const float slow = 1.0F / (static_cast<float>(spec.rope_scaling.factor) * power);
  return slow * (1.0F - kept) + 1.0F / power * kept;
}

float scaled_frequency(const RopeScaling& scaling, float frequency) {
  if (scaling.kind == "linear") return frequency / static_cast<float>(scaling.factor);
  if (scaling.kind == "llama3") return llama3_frequency(scaling, frequency);
  return frequency;  // "dynamic" as well, up to the longest sequence that is let in
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
  const bool yarn = spec.rope_scaling.kind == "yarn";
  const YarnRange range = yarn ? yarn_range(spec) : YarnRange{};
  for (std::int64_t i = 0; i < spec.rotary_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.rotary_dim);
    const float power = std::pow(static_cast<float>(spec.rope_theta), exponent);
    out[i] = yarn ? yarn_frequency(spec, range, i, power)
                  : scaled_frequency(spec.rope_scaling, 1.0F / power);
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
