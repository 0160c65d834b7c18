#include "methods/shortgpt/choice.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "harness/base/python_random.h"

namespace assay::shortgpt {

using subnetwork::ascending_layers;

Choice choose_by_influence(const Model& model, FitContext& context, std::int64_t count) {
  const LayerScores influences = subnetwork::block_influences(model, context);
  for (const auto& [layer, influence] : influences) {
    context.metric(fmt::format("block_influence/layer.{}", layer), influence);
  }
  std::vector<std::int64_t> dropped = ascending_layers(influences);
  dropped.resize(static_cast<std::size_t>(count));
  return {std::move(dropped), {influences}};
}

Choice choose_by_perplexity(const Model& model, FitContext& context, std::int64_t count) {
  Choice choice;
  std::set<std::int64_t> dropped;
  while (std::ssize(choice.dropped) < count) {
    choice.rounds.push_back(subnetwork::losses_without_one_more(model, context, dropped));
    const LayerScores& scores = choice.rounds.back();
    choice.dropped.push_back(ascending_layers(scores).front());
    dropped.insert(choice.dropped.back());
    context.metric(fmt::format("perplexity/dropped.{}", dropped.size()),
                   std::exp(scores.at(choice.dropped.back())));
    if (choice.rounds.size() > 1) continue;
    for (const auto& [layer, loss] : scores) {
      context.metric(fmt::format("perplexity/without_layer.{}", layer), std::exp(loss));
    }
  }
  return choice;
}

Choice choose_at_random(std::int64_t layers, std::uint64_t seed, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(layers));
  std::iota(order.begin(), order.end(), 0);
  PythonRandom random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(order[static_cast<std::size_t>(i)],
              order[static_cast<std::size_t>(random.randint(i, layers - 1))]);
  }
  order.resize(static_cast<std::size_t>(count));
  return {std::move(order), {}};
}

}  // namespace assay::shortgpt
