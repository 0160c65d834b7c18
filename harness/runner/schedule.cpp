#include "harness/runner/schedule.h"

#include <numeric>
#include <utility>

#include "harness/base/python_random.h"

namespace assay {

std::vector<std::size_t> interleaved_order(std::size_t arms, std::size_t blocks) {
  std::vector<std::size_t> order;
  order.reserve(arms * blocks);
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t i = 0; i < arms; ++i) order.push_back(block % 2 == 0 ? i : arms - 1 - i);
  }
  return order;
}

std::vector<std::size_t> seeded_order(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  PythonRandom random(seed);
  for (std::size_t i = n; i > 1; --i) {
    const auto other =
        static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(i) - 1));
    std::swap(order[i - 1], order[other]);
  }
  return order;
}

}  // namespace assay
