#include "harness/tune/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "harness/base/errors.h"
#include "harness/tune/monotone.h"

namespace assay::tune {
namespace {

using Member = std::optional<Value> Cell::*;
using Places = std::vector<std::vector<double>>;

std::vector<double> scaled(const std::vector<double>& place, const std::vector<AxisScale>& scales) {
  std::vector<double> inner;
  for (std::size_t axis = 0; axis < place.size(); ++axis)
    inner.push_back(scales[axis](place[axis]));
  return inner;
}

Surface surface_of(const Task& task, Member member, const std::vector<AxisScale>& scales,
                   const Aim& aim) {
  std::vector<Observation> observations;
  for (const Cell& cell : task.cells) {
    if (!(cell.*member)) continue;
    const Value& value = *(cell.*member);
    observations.push_back({scaled(cell.at, scales), value.inner, value.variance});
  }
  if (observations.size() < 2) {
    throw UserError(fmt::format(
        "{}/{}: {} settings on the axes were measured; two at least tell something of the others",
        aim.suite, aim.metric, observations.size()));
  }
  return Surface(std::move(observations));
}

Directions directions(const Task& task, Member member) {
  Places places;
  std::vector<double> values;
  for (const Cell& cell : task.cells) {
    if (!(cell.*member)) continue;
    places.push_back(cell.at);
    values.push_back((cell.*member)->inner);
  }
  return directions_of(places, values);
}

/// All combinations of the values of each axis, the last axis fastest.
Places combinations(const std::vector<std::vector<double>>& values) {
  Places all{{}};
  for (const std::vector<double>& axis : values) {
    Places longer;
    for (const std::vector<double>& place : all) {
      for (const double value : axis) {
        longer.push_back(place);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

/// E max(X - level, 0) of a normal X.
double expected_above(const Told& told, double level) {
  const double ahead = told.value - level;
  if (!(told.sd > 0)) return std::max(ahead, 0.0);
  const double z = ahead / told.sd;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  return ahead * normal_cdf(z) + told.sd * density;
}

double chance(const Told& told, double floor) {
  if (!(told.sd > 0)) return told.value >= floor ? 1 : 0;
  return normal_cdf((told.value - floor) / told.sd);
}

double cautious(const Candidate& candidate) {
  return candidate.quality.value - candidate.quality.sd;
}

}  // namespace

Tuner::Tuner(const Task& task, const std::vector<std::vector<double>>& tried)
    : task_(task), values_(tried) {
  values_.resize(task.axes.size());
  for (std::size_t axis = 0; axis < values_.size(); ++axis) {
    for (const Cell& cell : task.cells) values_[axis].push_back(cell.at[axis]);
    std::ranges::sort(values_[axis]);
    values_[axis].erase(std::unique(values_[axis].begin(), values_[axis].end()),
                        values_[axis].end());
  }
  for (std::vector<double>& place : combinations(values_)) {
    const auto cell = std::ranges::find(task.cells, place, &Cell::at);
    candidates_.push_back({std::move(place), cell == task.cells.end() ? nullptr : &*cell, {}, {}});
  }
  tell(scales());
}

std::vector<AxisScale> Tuner::scales() const {
  std::vector<AxisScale> all;
  for (const std::vector<double>& axis : values_)
    all.emplace_back(axis.empty() ? std::vector{0.0} : axis);
  return all;
}

void Tuner::tell(const std::vector<AxisScale>& scales) {
  quality_.emplace(surface_of(task_, &Cell::quality, scales, task_.quality));
  gain_.emplace(surface_of(task_, &Cell::gain, scales, task_.gain));
  Places places;
  for (const Candidate& candidate : candidates_) places.push_back(candidate.at);
  const auto told = [&](const Surface& surface, Member member, Told Candidate::*into) {
    std::vector<double> values;
    for (Candidate& candidate : candidates_) {
      candidate.*into = surface.at(scaled(candidate.at, scales));
      values.push_back((candidate.*into).value);
    }
    values = monotone(places, values, directions(task_, member));
    for (std::size_t i = 0; i < values.size(); ++i) (candidates_[i].*into).value = values[i];
  };
  told(*quality_, &Cell::quality, &Candidate::quality);
  told(*gain_, &Cell::gain, &Candidate::gain);
}

double Tuner::floor_of(double budget) const {
  return task_.reference.quality->inner - task_.quality.scale.allowed(budget);
}

std::vector<const Candidate*> Tuner::choices(double budget) const {
  const double floor = floor_of(budget);
  std::vector<const Candidate*> found;
  for (const Candidate& candidate : candidates_) {
    if (cautious(candidate) >= floor) found.push_back(&candidate);
  }
  std::ranges::stable_sort(found, std::ranges::greater(),
                           [](const Candidate* one) { return one->gain.value; });
  return found;
}

const Candidate& Tuner::closest() const {
  return *std::ranges::max_element(candidates_, {}, cautious);
}

std::vector<const Candidate*> Tuner::next(double budget, std::size_t count) const {
  const double floor = floor_of(budget);
  // What is had already: the largest gain of a measured cell that meets the budget, else none.
  std::optional<double> level;
  for (const Candidate* choice : choices(budget)) {
    if (choice->measured != nullptr && !level) level = choice->gain.value;
  }
  if (!level)
    level = std::ranges::min(candidates_, {}, [](const Candidate& one) {
              return one.gain.value;
            }).gain.value;
  std::vector<std::pair<double, const Candidate*>> ranked;
  for (const Candidate& candidate : candidates_) {
    if (candidate.measured != nullptr) continue;
    const double worth = chance(candidate.quality, floor) * expected_above(candidate.gain, *level);
    if (worth > 1e-6) ranked.emplace_back(worth, &candidate);
  }
  std::ranges::stable_sort(ranked, std::ranges::greater(),
                           &std::pair<double, const Candidate*>::first);
  std::vector<const Candidate*> found;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i)
    found.push_back(ranked[i].second);
  return found;
}

}  // namespace assay::tune
