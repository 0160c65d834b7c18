#include "harness/model/alibi.h"

#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>

#include <bit>
#include <cmath>

namespace assay {
namespace {

// Slopes of a power of two of heads are 2^(-8 i / n); the heads beyond it take every second slope
// of the next power.
float slope(std::int64_t head, std::int64_t heads) {
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  const bool extra = head >= power;
  const auto count = static_cast<double>(extra ? 2 * power : power);
  const auto base = static_cast<float>(std::exp2(-8.0 / count));
  const std::int64_t exponent = extra ? 2 * (head - power) + 1 : head + 1;
  return std::pow(base, static_cast<float>(exponent));
}

float rounded(float value, bool round) {
  return round ? static_cast<float>(c10::BFloat16(value)) : value;
}

}  // namespace

at::Tensor alibi_bias(const ModelSpec& spec, std::int64_t positions) {
  at::Tensor bias = at::empty({1, spec.shape.heads, 1, positions}, at::kFloat);
  auto* out = bias.mutable_data_ptr<float>();
  for (std::int64_t h = 0; h < spec.shape.heads; ++h) {
    const float step = rounded(slope(h, spec.shape.heads), spec.alibi_rounded);
    for (std::int64_t p = 0; p < positions; ++p) {
      const float place = rounded(static_cast<float>(p), spec.alibi_rounded);
      const float product = rounded(step * place, spec.alibi_rounded);
      *out++ = product * static_cast<float>(spec.alibi_scale);
    }
  }
  return bias;
}

}  // namespace assay
