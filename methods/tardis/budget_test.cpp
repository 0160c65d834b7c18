// Sharing the budget against trying every combination.
#include "methods/tardis/budget.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace assay {
namespace {

WindowOption option(double fallback, double error) {
  WindowOption result;
  result.fallback = fallback;
  result.error = error;
  return result;
}

double total_error(const std::vector<LayerChoice>& choices) {
  double sum = 0;
  for (const LayerChoice& layer : choices) {
    for (const WindowOption& chosen : layer) sum += chosen.error;
  }
  return sum;
}

double share(const std::vector<LayerChoice>& choices) {
  double sum = 0, neurons = 0;
  for (const LayerChoice& layer : choices) {
    sum += mean_fallback(layer) * static_cast<double>(layer.size());
    neurons += static_cast<double>(layer.size());
  }
  return sum / neurons;
}

TEST(ConvexHull, KeepsWhatSomeMultiplierWouldChoose) {
  const auto hull = convex_hull({option(0, 10), option(0.1, 9), option(0.2, 4), option(0.3, 3.9),
                                 option(0.4, 2), option(0.4, 3), option(0.5, 2.5), option(1, 0)});
  ASSERT_EQ(hull.size(), 4u);
  EXPECT_EQ(hull[0].error, 10);
  EXPECT_EQ(hull[1].error, 4);
  EXPECT_EQ(hull[2].error, 2);
  EXPECT_EQ(hull[3].error, 0);
}

/// Neurons whose error falls to 0 at full fallback, each in its own way.
LayerOptions random_layer(std::mt19937_64& engine, std::size_t neurons, double scale, bool hulls) {
  std::uniform_real_distribution<double> uniform(0.1, 1.0);
  LayerOptions layer(neurons);
  for (auto& options : layer) {
    double error = scale * uniform(engine);
    for (std::size_t i = 0; i < kWindowOptions; ++i) {
      const double fallback = static_cast<double>(i) / static_cast<double>(kWindowOptions - 1);
      options.push_back(option(fallback, i + 1 == kWindowOptions ? 0 : error));
      error *= 0.6 + 0.4 * uniform(engine);
    }
    if (hulls) options = convex_hull(options);
  }
  return layer;
}

TEST(ChooseWindows, EachPolicyMeetsTheBudgetAndWiderCompetitionHelps) {
  std::mt19937_64 hulls(3), grids(3);
  const std::vector<LayerOptions> layers = {random_layer(hulls, 60, 1, true),
                                            random_layer(hulls, 60, 20, true)};
  const std::vector<LayerOptions> all = {random_layer(grids, 60, 1, false),
                                         random_layer(grids, 60, 20, false)};
  for (const double budget : {0.02, 0.075, 0.3, 0.6}) {
    const auto uniform = choose_windows(all, ThresholdPolicy::kUniform, budget);
    const auto neuron = choose_windows(layers, ThresholdPolicy::kNeuron, budget);
    const auto both = choose_windows(layers, ThresholdPolicy::kLayerAndNeuron, budget);
    for (const auto* choices : {&uniform, &neuron, &both}) {
      EXPECT_LE(share(*choices), budget + 1e-9);
      EXPECT_GT(share(*choices), budget - 0.02);
    }
    for (const LayerChoice& layer : neuron) EXPECT_LE(mean_fallback(layer), budget + 1e-9);
    EXPECT_LE(total_error(both), total_error(neuron) + 1e-9);
    EXPECT_LE(total_error(neuron), total_error(uniform) + 1e-9);
  }
}

TEST(ChooseWindows, IsAsGoodAsTryingEverythingWhereAStepEndsTheBudget) {
  const LayerOptions layer = {{option(0, 8), option(0.5, 2), option(1, 0)},
                              {option(0, 3), option(0.5, 1), option(1, 0)},
                              {option(0, 5), option(0.5, 4), option(1, 0)}};
  for (const double budget : {0.5 / 3, 1.0 / 3, 1.5 / 3, 2.5 / 3}) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& a : layer[0]) {
      for (const auto& b : layer[1]) {
        for (const auto& c : layer[2]) {
          if (a.fallback + b.fallback + c.fallback > 3 * budget + 1e-9) continue;
          least = std::min(least, a.error + b.error + c.error);
        }
      }
    }
    LayerOptions hulls;
    for (const auto& options : layer) hulls.push_back(convex_hull(options));
    const auto choices = choose_windows({hulls}, ThresholdPolicy::kLayerAndNeuron, budget);
    EXPECT_LE(share(choices), budget + 1e-9);
    EXPECT_NEAR(total_error(choices), least, 1e-9) << budget;
  }
}

TEST(ChooseWindows, TheEndsOfTheBudget) {
  std::mt19937_64 engine(4);
  const std::vector<LayerOptions> layers = {random_layer(engine, 20, 1, true)};
  EXPECT_EQ(share(choose_windows(layers, ThresholdPolicy::kLayerAndNeuron, 0)), 0);
  EXPECT_EQ(total_error(choose_windows(layers, ThresholdPolicy::kLayerAndNeuron, 1)), 0);
  EXPECT_TRUE(choose_windows({}, ThresholdPolicy::kUniform, 0.5).empty());
}

}  // namespace
}  // namespace assay
