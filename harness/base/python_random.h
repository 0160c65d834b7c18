#pragma once
// CPython's `random.Random`, so that published calibration sets come out exactly.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace assay {

/// Mersenne Twister seeded as CPython's random.seed(int): init_by_array over the 32-bit words of
/// the seed, which differs from std::mt19937(seed).
class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);

  std::uint32_t next_u32();

  /// random.randint(low, high), both ends included; needs low <= high and a range below 2^32.
  std::int64_t randint(std::int64_t low, std::int64_t high);

  /// random.shuffle(items); needs fewer than 2^32.
  template <typename Item>
  void shuffle(std::vector<Item>& items) {
    for (std::size_t i = items.size(); i-- > 1;) {
      const std::int64_t j = randint(0, static_cast<std::int64_t>(i));
      std::swap(items[i], items[static_cast<std::size_t>(j)]);
    }
  }

 private:
  static constexpr int kWords = 624;
  void seed_by_array(const std::vector<std::uint32_t>& key);
  void regenerate();

  std::array<std::uint32_t, kWords> state_{};
  int position_ = kWords;
};

}  // namespace assay
