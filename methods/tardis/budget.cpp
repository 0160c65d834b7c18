#include "methods/tardis/budget.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace assay {
namespace {

/// Rounding in sums of shares must not turn a budget down that is met exactly.
constexpr double kSlack = 1e-9;

/// One step along a neuron's hull.
struct Step {
  double gain = 0;  ///< error saved for each fallback
  double cost = 0;  ///< fallback
  std::uint32_t layer = 0, neuron = 0, to = 0;
};

/// True when the middle point is on or above the line between its neighbours.
bool not_convex(const WindowOption& a, const WindowOption& b, const WindowOption& c) {
  return (b.error - a.error) * (c.fallback - a.fallback) >=
         (c.error - a.error) * (b.fallback - a.fallback);
}

void add_steps(const std::vector<WindowOption>& hull, std::size_t layer, std::size_t neuron,
               std::vector<Step>& steps) {
  for (std::size_t i = 1; i < hull.size(); ++i) {
    const double cost = hull[i].fallback - hull[i - 1].fallback;
    const double saved = hull[i - 1].error - hull[i].error;
    steps.push_back({saved / cost, cost, static_cast<std::uint32_t>(layer),
                     static_cast<std::uint32_t>(neuron), static_cast<std::uint32_t>(i)});
  }
}

/// Hull steps of a set of layers in the order of the falling multiplier.
std::vector<Step> sorted_steps(const std::vector<LayerOptions>& layers) {
  std::vector<Step> steps;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    for (std::size_t j = 0; j < layers[l].size(); ++j) add_steps(layers[l][j], l, j, steps);
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.gain > b.gain; });
  return steps;
}

double neurons_of(const std::vector<LayerOptions>& layers) {
  std::size_t neurons = 0;
  for (const LayerOptions& layer : layers) neurons += layer.size();
  return static_cast<double>(neurons);
}

std::vector<LayerChoice> first_options(const std::vector<LayerOptions>& layers) {
  std::vector<LayerChoice> choices(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    for (const auto& options : layers[l]) choices[l].push_back(options.front());
  }
  return choices;
}

std::vector<LayerChoice> sweep(const std::vector<LayerOptions>& layers, double fallback) {
  std::vector<LayerChoice> choices = first_options(layers);
  double left = fallback * neurons_of(layers) + kSlack;
  for (const LayerChoice& choice : choices) {
    for (const WindowOption& option : choice) left -= option.fallback;
  }
  std::vector<std::vector<std::uint32_t>> taken(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) taken[l].resize(layers[l].size());
  for (const Step& step : sorted_steps(layers)) {
    std::uint32_t& at = taken[step.layer][step.neuron];
    if (step.to != at + 1 || step.cost > left) continue;  // behind a step that did not fit
    at = step.to;
    left -= step.cost;
    choices[step.layer][step.neuron] = layers[step.layer][step.neuron][step.to];
  }
  return choices;
}

double sum_at(const std::vector<LayerOptions>& layers, std::size_t index) {
  double sum = 0;
  for (const LayerOptions& layer : layers) {
    for (const auto& options : layer) sum += options[index].fallback;
  }
  return sum;
}

std::vector<LayerChoice> uniform(const std::vector<LayerOptions>& layers, double fallback) {
  const double budget = fallback * neurons_of(layers) + kSlack;
  std::size_t index = 0;
  while (index + 1 < kWindowOptions && sum_at(layers, index + 1) <= budget) ++index;
  double left = budget - sum_at(layers, index);
  const std::size_t next = std::min(index + 1, kWindowOptions - 1);
  std::vector<LayerChoice> choices(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    double share = left / static_cast<double>(layers.size() - l);
    for (const auto& options : layers[l]) {
      const double cost = options[next].fallback - options[index].fallback;
      const bool step = cost <= share;
      choices[l].push_back(options[step ? next : index]);
      if (step) share -= cost, left -= cost;
    }
  }
  return choices;
}

}  // namespace

std::vector<WindowOption> convex_hull(std::vector<WindowOption> options) {
  std::stable_sort(options.begin(), options.end(), [](const auto& a, const auto& b) {
    return a.fallback < b.fallback || (a.fallback == b.fallback && a.error < b.error);
  });
  std::vector<WindowOption> hull;
  for (const WindowOption& option : options) {
    if (!hull.empty() && option.error >= hull.back().error) continue;
    while (hull.size() > 1 && not_convex(hull[hull.size() - 2], hull.back(), option)) {
      hull.pop_back();
    }
    hull.push_back(option);
  }
  return hull;
}

std::vector<LayerChoice> choose_windows(const std::vector<LayerOptions>& layers,
                                        ThresholdPolicy policy, double fallback) {
  if (layers.empty()) return {};
  if (policy == ThresholdPolicy::kUniform) return uniform(layers, fallback);
  if (policy == ThresholdPolicy::kLayerAndNeuron) return sweep(layers, fallback);
  std::vector<LayerChoice> choices;
  for (const LayerOptions& layer : layers) {
    choices.push_back(std::move(sweep({layer}, fallback).front()));
  }
  return choices;
}

double mean_fallback(const LayerChoice& choice) {
  double sum = 0;
  for (const WindowOption& option : choice) sum += option.fallback;
  return choice.empty() ? 0 : sum / static_cast<double>(choice.size());
}

}  // namespace assay
