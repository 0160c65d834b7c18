#include "harness/runner/fit_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace assay {
namespace {

MetricValue value(const std::string& tag, double number) {
  MetricValue metric;
  metric.tag = tag;
  metric.value = number;
  return metric;
}

FitRecord record(double seconds, double bytes, double rss) {
  return {{value("fit/seconds", seconds), value("artefact/bytes", bytes),
           value("fit/peak_rss", rss), value("achieved_sparsity", seconds)},
          {}};
}

std::map<std::string, double> table(const FitCosts& costs) {
  std::map<std::string, double> all;
  for (const MetricValue& metric : costs.metrics()) all[metric.tag] = *metric.value;
  return all;
}

TEST(FitCosts, OneFitIsItself) {
  FitCosts costs;
  costs.add("wanda", record(3, 100, 7), true, true);
  EXPECT_EQ(table(costs), (std::map<std::string, double>{{"fit/seconds", 3},
                                                         {"fit/seconds_here", 3},
                                                         {"artefact/bytes", 100},
                                                         {"fit/peak_rss", 7},
                                                         {"achieved_sparsity", 3}}));
}

// Alone the cell would have cost all of it; here the traces came out of the cache.
TEST(FitCosts, StagesAddUpAndWhatWasCachedCostNothingHere) {
  FitCosts costs;
  costs.add("dejavu/traces", record(60, 5000, 9), false, false);
  costs.add("dejavu/select", record(2, 100, 4), true, true);
  const auto all = table(costs);
  EXPECT_EQ(all.at("fit/seconds"), 62);
  EXPECT_EQ(all.at("fit/seconds_here"), 2);
  EXPECT_EQ(all.at("fit/seconds/dejavu/traces"), 60);
  EXPECT_EQ(all.at("artefact/bytes"), 100) << "traces are no part of what is applied";
  EXPECT_EQ(all.at("fit/peak_rss"), 9);
  EXPECT_EQ(all.at("achieved_sparsity"), 2) << "the last link says what came out";
}

TEST(FitCosts, WhatWasNotTimedHasNoTimes) {
  FitCosts costs;
  costs.add("prune", {{value("achieved_sparsity", 0.7)}, {}}, true, true);
  EXPECT_EQ(table(costs).size(), 1U);
}

}  // namespace
}  // namespace assay
