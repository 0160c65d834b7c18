#include "harness/runner/schedule.h"

#include <numeric>
#include <utility>

#include "harness/base/python_random.h"

namespace assay {

namespace {

std::vector<std::size_t> shuffled(std::size_t n, PythonRandom& random) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) {
    const auto other =
        static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(i) - 1));
    std::swap(order[i - 1], order[other]);
  }
  return order;
}

}  // namespace

std::vector<Turn> interleaved_order(std::size_t arms, std::size_t processes, std::uint64_t seed) {
  PythonRandom random(seed);
  std::vector<Turn> turns;
  turns.reserve(arms * processes);
  for (std::size_t done = 0; done < processes; done += 2) {
    const std::vector<std::size_t> order = shuffled(arms, random);
    for (const std::size_t arm : order) turns.push_back({arm, done / 2});
    if (done + 1 == processes) break;
    for (std::size_t i = arms; i > 0; --i) turns.push_back({order[i - 1], done / 2});
  }
  return turns;
}

std::vector<std::size_t> seeded_order(std::size_t n, std::uint64_t seed) {
  PythonRandom random(seed);
  return shuffled(n, random);
}

}  // namespace assay
