#include "harness/worker/training_items.h"

#include <fmt/format.h>

#include <numeric>
#include <span>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/python_random.h"

namespace assay {
namespace {

/// random.Random(seed).shuffle() of the places [0, count).
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  PythonRandom(seed).shuffle(order);
  return order;
}

}  // namespace

LabelledItems training_items(const TrainingRequest& request) {
  LabelledItems all = read_labelled_items(request.data);
  if (request.items == 0) return all;
  if (request.items > all.count()) {
    throw UserError(fmt::format(
        "training.items is {}, and the split has {} items: lower it, or set 0 for all of them",
        request.items, all.count()));
  }
  const std::vector<std::int64_t> order = shuffled(all.count(), request.subset_seed);
  return chosen_items(all, std::span(order).first(static_cast<std::size_t>(request.items)));
}

}  // namespace assay
