#include "harness/model/kernels/subnormals.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <limits>

namespace assay {
namespace {

/// call() in each thread of the pool, the caller among them: as many tasks as threads, one for
/// each.
template <typename Call>
void in_every_thread(const Call& call) {
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) { call(); });
}

bool flushed_here() {
  volatile float least = std::numeric_limits<float>::min();
  volatile float subnormal = std::numeric_limits<float>::denorm_min();
  volatile float large = 1.0F / least;
  const float written = least * 0.5F, read = subnormal * large;
  return written == 0.0F && read == 0.0F;
}

/// kMantissa and kExponent: the bits of the two in `Word`.
template <typename Word, Word kExponent, Word kMantissa>
std::int64_t count_words(const Word* words, std::int64_t count) {
  constexpr std::int64_t kGrain = 1 << 18;
  std::atomic<std::int64_t> total{0};
  at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t found = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      found += (words[i] & kExponent) == 0 && (words[i] & kMantissa) != 0 ? 1 : 0;
    }
    total += found;
  });
  return total;
}

}  // namespace

bool flush_subnormals(bool flush) {
  std::atomic<bool> everywhere{at::globalContext().setFlushDenormal(flush)};
  in_every_thread([&] {
    if (!at::globalContext().setFlushDenormal(flush)) everywhere = false;
  });
  return everywhere;
}

bool subnormals_are_flushed() {
  std::atomic<bool> everywhere{flushed_here()};
  in_every_thread([&] {
    if (!flushed_here()) everywhere = false;
  });
  return everywhere;
}

std::int64_t count_subnormals(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.device().is_cpu()) return 0;
  const at::Tensor plain = tensor.contiguous();
  const void* data = plain.const_data_ptr();
  if (plain.scalar_type() == at::kFloat) {
    return count_words<std::uint32_t, 0x7f800000U, 0x007fffffU>(
        static_cast<const std::uint32_t*>(data), plain.numel());
  }
  if (plain.scalar_type() == at::kBFloat16) {
    return count_words<std::uint16_t, 0x7f80U, 0x007fU>(static_cast<const std::uint16_t*>(data),
                                                        plain.numel());
  }
  return 0;
}

}  // namespace assay
