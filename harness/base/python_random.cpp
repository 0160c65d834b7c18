#include "harness/base/python_random.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace assay {

PythonRandom::PythonRandom(std::uint64_t seed) {
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32));
  seed_by_array(key);
}

void PythonRandom::seed_by_array(const std::vector<std::uint32_t>& key) {
  state_[0] = 19650218U;
  for (std::uint32_t k = 1; k < kWords; ++k) {
    state_[k] = 1812433253U * (state_[k - 1] ^ (state_[k - 1] >> 30)) + k;
  }
  std::uint32_t i = 1;
  const auto previous = [this, &i] { return state_[i - 1] ^ (state_[i - 1] >> 30); };
  const auto advance = [this, &i] {
    if (++i >= kWords) {
      state_[0] = state_[kWords - 1];
      i = 1;
    }
  };
  std::uint32_t j = 0;
  for (std::size_t round = std::max<std::size_t>(kWords, key.size()); round > 0; --round) {
    state_[i] = (state_[i] ^ (previous() * 1664525U)) + key[j] + j;
    advance();
    if (++j >= key.size()) j = 0;
  }
  for (int round = kWords - 1; round > 0; --round) {
    state_[i] = (state_[i] ^ (previous() * 1566083941U)) - i;
    advance();
  }
  state_[0] = 0x80000000U;
  position_ = kWords;
}

void PythonRandom::regenerate() {
  constexpr int kShift = 397;
  for (int k = 0; k < kWords; ++k) {
    const std::uint32_t mixed =
        (state_[k] & 0x80000000U) | (state_[(k + 1) % kWords] & 0x7fffffffU);
    state_[k] = state_[(k + kShift) % kWords] ^ (mixed >> 1) ^ ((mixed & 1U) ? 0x9908b0dfU : 0U);
  }
  position_ = 0;
}

std::uint32_t PythonRandom::next_u32() {
  if (position_ >= kWords) regenerate();
  std::uint32_t y = state_[position_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

std::int64_t PythonRandom::randint(std::int64_t low, std::int64_t high) {
  const auto count = static_cast<std::uint64_t>(high - low) + 1;
  if (high < low || count >= (std::uint64_t{1} << 32)) {
    throw std::invalid_argument("randint: the range is empty or needs more than 32 bits");
  }
  const int bits = std::bit_width(count);
  std::uint64_t drawn = 0;
  do {
    drawn = next_u32() >> (32 - bits);
  } while (drawn >= count);
  return low + static_cast<std::int64_t>(drawn);
}

}  // namespace assay
