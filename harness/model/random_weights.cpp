#include "harness/model/random_weights.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>

namespace assay {
namespace {

// SplitMix64 (Steele et al., 2014): a good hash of a counter.
std::uint64_t mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

template <typename Scalar>
void fill(Scalar* out, std::int64_t count, std::uint64_t start, float limit) {
  constexpr std::int64_t kGrain = 1 << 14;
  constexpr std::int64_t kPerWord = 4;
  const std::int64_t words = (count + kPerWord - 1) / kPerWord;
  at::parallel_for(0, words, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t word = begin; word < end; ++word) {
      std::uint64_t bits = mix(start + static_cast<std::uint64_t>(word));
      const std::int64_t last = std::min(count, (word + 1) * kPerWord);
      for (std::int64_t i = word * kPerWord; i < last; ++i, bits >>= 16U) {
        const auto step = static_cast<std::int16_t>(bits & 0xFFFFU);
        out[i] = static_cast<Scalar>(static_cast<float>(step) * limit);
      }
    }
  });
}

}  // namespace

void fill_random(at::Tensor& tensor, std::uint64_t seed, std::uint64_t stream, double deviation) {
  // A uniform value in [-a, a] has the standard deviation a / sqrt(3).
  const auto limit = static_cast<float>(deviation * std::sqrt(3.0) / 32768.0);
  const std::uint64_t start = mix(mix(seed) + stream);
  const bool in_place = tensor.device().is_cpu() && tensor.is_contiguous();
  at::Tensor local = in_place ? tensor : at::empty(tensor.sizes(), tensor.scalar_type());
  if (local.scalar_type() == at::kBFloat16) {
    fill(local.mutable_data_ptr<at::BFloat16>(), local.numel(), start, limit);
  } else {
    fill(local.mutable_data_ptr<float>(), local.numel(), start, limit);
  }
  if (!in_place) tensor.copy_(local);
}

}  // namespace assay
