#include "harness/model/rotation.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "harness/model/kernels/gradients.h"
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
  return frequency;  // "dynamic" as well, whose base grows
}

// Dynamic NTK: a base that grows with what the sequence is longer than the original.
double base_of(const ModelSpec& spec, std::int64_t length) {
  const RopeScaling& scaling = spec.rope_scaling;
  if (scaling.kind != "dynamic" || length <= scaling.original_positions) return spec.rope_theta;
  const auto dimensions = static_cast<double>(spec.rotary_dim);
  const double ratio =
      static_cast<double>(length) / static_cast<double>(scaling.original_positions);
  return spec.rope_theta *
         std::pow(scaling.factor * ratio - (scaling.factor - 1), dimensions / (dimensions - 2));
}

/// Of LongRoPE: one for each frequency; empty for other kinds.
const std::vector<double>& divisors_of(const RopeScaling& scaling, std::int64_t length) {
  return length > scaling.original_positions ? scaling.long_factors : scaling.short_factors;
}

/// The heads after rotation; a new tensor, which can be differentiated.
at::Tensor rotated(const at::Tensor& split, const at::Tensor& cos, const at::Tensor& sin,
                   bool interleaved) {
  const std::int64_t half = cos.size(1);
  const at::Tensor turning = split.narrow(2, 0, 2 * half).to(at::kFloat);
  const at::Tensor pairs = interleaved ? turning.unflatten(2, {half, 2})
                                       : turning.unflatten(2, {2, half}).transpose(2, 3);
  const at::Tensor a = pairs.select(3, 0), b = pairs.select(3, 1);
  const at::Tensor c = cos.unsqueeze(1);
  const at::Tensor s = sin.unsqueeze(1);
  const at::Tensor first = a.mul(c).sub(b.mul(s)), second = b.mul(c).add(a.mul(s));
  return interleaved ? at::stack({first, second}, 3).flatten(2) : at::cat({first, second}, 2);
}

at::Tensor rotate_by_operators(const at::Tensor& rows, std::int64_t heads, std::int64_t head_dim,
                               const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  const std::int64_t columns = heads * head_dim, turning = 2 * cos.size(1);
  const at::Tensor split = rows.narrow(1, 0, columns).view({rows.size(0), heads, head_dim});
  const at::Tensor turned = rotated(split, cos, sin, interleaved).to(rows.scalar_type());
  if (!needs_gradient(rows)) {
    split.narrow(2, 0, turning).copy_(turned);
    return rows;
  }
  const at::Tensor still = split.narrow(2, turning, head_dim - turning);
  return at::cat({at::cat({turned, still}, 2).view({rows.size(0), columns}),
                  rows.narrow(1, columns, rows.size(1) - columns)},
                 1);
}

}  // namespace

at::Tensor rope_frequencies(const ModelSpec& spec, std::int64_t length) {
  at::Tensor frequencies = at::empty({spec.rotary_dim / 2}, at::kFloat);
  auto* out = frequencies.mutable_data_ptr<float>();
  const bool yarn = spec.rope_scaling.kind == "yarn";
  const YarnRange range = yarn ? yarn_range(spec) : YarnRange{};
  const auto base = static_cast<float>(base_of(spec, length));
  const std::vector<double>& divisors = divisors_of(spec.rope_scaling, length);
  for (std::int64_t i = 0; i < spec.rotary_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.rotary_dim);
    float power = std::pow(base, exponent);
    if (!divisors.empty()) power *= static_cast<float>(divisors[static_cast<std::size_t>(i)]);
    out[i] = yarn ? yarn_frequency(spec, range, i, power)
                  : scaled_frequency(spec.rope_scaling, 1.0F / power);
  }
  return frequencies;
}

RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies, double factor) {
  const at::Tensor angles = positions.unsqueeze(1).mul(frequencies);
  RopeAngles result{at::cos(angles), at::sin(angles)};
  if (factor == 1.0) return result;
  result.cos.mul_(factor);
  result.sin.mul_(factor);
  return result;
}

at::Tensor rotate_heads(at::Tensor rows, std::int64_t heads, std::int64_t head_dim,
                        const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  const bool known = rows.scalar_type() == at::kFloat || rows.scalar_type() == at::kBFloat16;
  if (!rows.device().is_cpu() || !known || needs_gradient(rows)) {
    return rotate_by_operators(rows, heads, head_dim, cos, sin, interleaved);
  }
  rotate_heads_cpu(rows, heads, head_dim, cos, sin, interleaved);
  return rows;
}

}  // namespace assay
