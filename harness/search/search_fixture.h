#pragma once
// Spaces and objectives whose best front is known, for tests.

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/search/search.h"

namespace assay::search {

/// Like a network of `axes` layers: each keeps 1 .. `values` parts of its width, the size is the
/// mean share that is kept.
inline Space toy_space(std::size_t axes = 8, std::int64_t values = 6) {
  Space space;
  for (std::size_t i = 0; i < axes; ++i) {
    Axis axis{.name = "layer" + std::to_string(i), .values = {}};
    for (std::int64_t value = 1; value <= values; ++value) axis.values.push_back(value);
    space.axes.push_back(axis);
  }
  space.size = [axes, values](const Point& point) {
    double kept = 0;
    for (const std::int32_t index : point) kept += index + 1;
    return kept / static_cast<double>(axes * static_cast<std::size_t>(values));
  };
  return space;
}

/// Loss in [0, 1]: layers matter unequally (1, 1/2, 1/4, ...), and what a layer lost counts as the
/// square of its share. Cutting the last layers first is best.
inline Objectives toy_objectives(const Space& space, const Point& point) {
  double loss = 0, weights = 0, weight = 1;
  for (std::size_t i = 0; i < point.size(); ++i, weight /= 2) {
    const auto most = static_cast<double>(space.axes[i].values.size() - 1);
    loss += weight * std::pow((most - point[i]) / std::max(1.0, most), 2);
    weights += weight;
  }
  return {loss / weights, space.size(point)};
}

/// An evaluation on a part of the data is off by an amount that depends on the point alone.
inline Objectives noisy_objectives(const Space& space, const Asked& asked) {
  Objectives objectives = toy_objectives(space, asked.point);
  std::uint32_t mixed = 17;
  for (const std::int32_t index : asked.point) {
    mixed = mixed * 31 + static_cast<std::uint32_t>(index);
  }
  objectives[0] += 0.02 * (1 - asked.fidelity) * static_cast<double>(mixed % 101) / 101;
  return objectives;
}

inline SearcherSettings toy_settings(std::uint64_t seed = 0, std::int64_t evaluations = 100) {
  return {.seed = seed, .evaluations = evaluations, .targets = {0.4, 0.7}};
}

/// All but `ehvi`, which starts a process and has tests of its own.
inline std::vector<std::string> quick_searchers() {
  std::vector<std::string> names = searcher_names();
  std::erase(names, "ehvi");
  return names;
}

/// The task with every searcher's settings filled in; the space lives as long as the task.
inline SearchTask toy_task(const Space& space, const std::string& searcher,
                           const SearcherSettings& settings) {
  SearchTask task;
  task.space = &space;
  task.searcher = searcher;
  task.settings = settings;
  task.identity = {{"model", "toy"}};
  task.evaluate = [&space](const Asked& asked) { return noisy_objectives(space, asked); };
  return task;
}

inline double front_volume(const SearchResult& result) {
  std::vector<Objectives> points;
  for (const std::size_t i : result.front) points.push_back(result.evaluations[i].objectives);
  return hypervolume(points, {1, 1});
}

/// Equal but for what evaluations took.
inline bool same_evaluations(const SearchResult& a, const SearchResult& b) {
  if (a.evaluations.size() != b.evaluations.size()) return false;
  for (std::size_t i = 0; i < a.evaluations.size(); ++i) {
    const Evaluation &x = a.evaluations[i], &y = b.evaluations[i];
    if (x.point != y.point || x.fidelity != y.fidelity || x.objectives != y.objectives ||
        x.details != y.details) {
      return false;
    }
  }
  return a.front == b.front && a.remarks == b.remarks && a.spent == b.spent &&
         a.repeated == b.repeated;
}

/// A folder of its own for a test; gone afterwards.
class TestFolder {
 public:
  TestFolder() : path_(std::filesystem::temp_directory_path() / ("assay-search-" + new_uuid())) {}
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path log() const { return path_ / "search.jsonl"; }

 private:
  std::filesystem::path path_;
};

}  // namespace assay::search
