#include "harness/tune/validation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>

namespace assay::tune {
namespace {

using Indices = std::vector<std::size_t>;

/// Sums behind a Trial.
struct Sums {
  double quality_error = 0, gain_error = 0, unseen = 0;
  double hit1 = 0, hit3 = 0, violated = 0, choices = 0, regret = 0, questions = 0;
  double cost = 0, tuners = 0;
};

bool complete(const Cell& cell) { return cell.quality && cell.gain; }

std::vector<std::vector<double>> values_of(const Task& task) {
  std::vector<std::vector<double>> values(task.axes.size());
  for (const Cell& cell : task.cells) {
    for (std::size_t axis = 0; axis < values.size(); ++axis) values[axis].push_back(cell.at[axis]);
  }
  return values;
}

Task part_of(const Task& task, const Indices& seen) {
  Task part = task;
  part.cells.clear();
  for (const std::size_t i : seen) part.cells.push_back(task.cells[i]);
  std::ranges::sort(part.cells, {}, &Cell::at);
  return part;
}

double cost_share(const Task& task, const Indices& seen) {
  double all = 0, part = 0;
  for (const Cell& cell : task.cells) all += cell.fit_seconds.value_or(0);
  for (const std::size_t i : seen) part += task.cells[i].fit_seconds.value_or(0);
  return all > 0 ? part / all : NAN;
}

const Cell* true_cell(const Task& task, const Candidate& candidate) {
  const auto found = std::ranges::find(task.cells, candidate.at, &Cell::at);
  return found == task.cells.end() ? nullptr : &*found;
}

/// The number of the reference among the cells, where it is on the axes; else the first cell.
std::size_t start_of(const Task& task) {
  for (std::size_t i = 0; i < task.cells.size(); ++i) {
    if (task.cells[i].method == task.reference.method &&
        task.cells[i].params == task.reference.params)
      return i;
  }
  return 0;
}

Indices drawn(const Task& task, std::size_t size, std::mt19937_64& engine) {
  Indices all(task.cells.size());
  std::iota(all.begin(), all.end(), 0);
  std::swap(all[0], all[start_of(task)]);
  for (std::size_t i = 1; i < size; ++i) std::swap(all[i], all[i + engine() % (all.size() - i)]);
  all.resize(size);
  return all;
}

/// The cell nobody has seen whose quality is least certain.
std::size_t least_certain(const Task& task, const Tuner& tuner, const std::set<std::size_t>& seen) {
  std::size_t found = 0;
  double most = -1;
  for (const Candidate& candidate : tuner.candidates()) {
    const Cell* cell = true_cell(task, candidate);
    if (cell == nullptr) continue;
    const auto index = static_cast<std::size_t>(cell - task.cells.data());
    if (seen.contains(index) || candidate.quality.sd <= most) continue;
    most = candidate.quality.sd;
    found = index;
  }
  return found;
}

/// The cell that the tuner would measure next among those that have a truth.
std::size_t proposed_next(const Task& task, const Tuner& tuner, double budget,
                          const std::set<std::size_t>& seen) {
  for (const Candidate* candidate : tuner.next(budget, tuner.candidates().size())) {
    const Cell* cell = true_cell(task, *candidate);
    if (cell != nullptr) return static_cast<std::size_t>(cell - task.cells.data());
  }
  return least_certain(task, tuner, seen);
}

/// Cells at the ends of every axis.
std::set<std::size_t> corners(const Task& task) {
  const std::vector<std::vector<double>> values = values_of(task);
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < task.cells.size(); ++i) {
    bool at_ends = true;
    for (std::size_t axis = 0; axis < values.size(); ++axis) {
      const auto [least, most] = std::ranges::minmax(values[axis]);
      const double value = task.cells[i].at[axis];
      at_ends = at_ends && (value == least || value == most);
    }
    if (at_ends) found.insert(i);
  }
  return found;
}

Indices proposed(const Task& task, std::size_t size, double budget) {
  std::set<std::size_t> seen{start_of(task)};
  for (const std::size_t corner : corners(task)) {
    if (seen.size() < size) seen.insert(corner);
  }
  while (seen.size() < size) {
    const Task part = part_of(task, {seen.begin(), seen.end()});
    const Tuner tuner(part, values_of(task));
    seen.insert(proposed_next(task, tuner, budget, seen));
  }
  return {seen.begin(), seen.end()};
}

void add_errors(const Task& task, const Tuner& tuner, Sums& sums) {
  for (const Candidate& candidate : tuner.candidates()) {
    const Cell* cell = true_cell(task, candidate);
    if (cell == nullptr || candidate.measured != nullptr) continue;
    sums.quality_error += std::abs(candidate.quality.value - cell->quality->inner);
    sums.gain_error += std::abs(candidate.gain.value - cell->gain->inner);
    sums.unseen += 1;
  }
}

void add_answer(const Task& task, const Tuner& tuner, double budget, Sums& sums) {
  std::vector<const Cell*> choices;
  for (const Candidate* choice : tuner.choices(budget)) {
    if (const Cell* cell = true_cell(task, *choice)) choices.push_back(cell);
  }
  const Cell* best = best_cell(task, budget);
  const auto place = std::ranges::find(choices, best) - choices.begin();
  const bool none = choices.empty() && best == nullptr;
  sums.questions += 1;
  sums.hit1 += none || (!choices.empty() && place == 0) ? 1 : 0;
  sums.hit3 += none || (place < 3 && place < std::ssize(choices)) ? 1 : 0;
  if (!choices.empty()) {
    sums.choices += 1;
    sums.violated += choices[0]->quality->inner < tuner.floor_of(budget) ? 1 : 0;
  }
  if (best == nullptr) return;
  const double had = !choices.empty()      ? choices[0]->gain->inner
                     : task.reference.gain ? task.reference.gain->inner
                                           : best->gain->inner;
  sums.regret += 1 - std::exp(std::min(had - best->gain->inner, 0.0));
}

void add(const Task& task, const Indices& seen, const std::vector<double>& budgets, Sums& sums) {
  const Task part = part_of(task, seen);
  const Tuner tuner(part, values_of(task));
  add_errors(task, tuner, sums);
  for (const double budget : budgets) add_answer(task, tuner, budget, sums);
  sums.cost += cost_share(task, seen);
  sums.tuners += 1;
}

Trial trial_of(Design design, std::size_t size, const Sums& sums) {
  return {.design = design,
          .cells = size,
          .draws = static_cast<std::size_t>(sums.tuners),
          .cost_share = sums.cost / sums.tuners,
          .quality_error = sums.quality_error / sums.unseen,
          .gain_error = sums.gain_error / sums.unseen,
          .hit1 = sums.hit1 / sums.questions,
          .hit3 = sums.hit3 / sums.questions,
          .violated = sums.choices > 0 ? sums.violated / sums.choices : 0,
          .regret = sums.regret / sums.questions};
}

Trial drawn_trial(const Task& task, std::size_t size, const ValidationOptions& options) {
  std::mt19937_64 engine(options.seed);
  Sums sums;
  for (int draw = 0; draw < options.draws; ++draw) {
    add(task, drawn(task, size, engine), options.budgets, sums);
  }
  return trial_of(Design::kDrawn, size, sums);
}

Trial proposed_trial(const Task& task, std::size_t size, const ValidationOptions& options) {
  Sums sums;
  for (const double budget : options.budgets) {
    add(task, proposed(task, size, budget), {budget}, sums);
  }
  return trial_of(Design::kProposed, size, sums);
}

}  // namespace

const Cell* best_cell(const Task& task, double budget) {
  const double floor = task.reference.quality->inner - task.quality.scale.allowed(budget);
  const Cell* best = nullptr;
  for (const Cell& cell : task.cells) {
    if (!complete(cell) || cell.quality->inner < floor) continue;
    if (best == nullptr || cell.gain->inner > best->gain->inner) best = &cell;
  }
  return best;
}

std::vector<Trial> validate(const Task& task, const ValidationOptions& options) {
  Task whole = task;
  std::erase_if(whole.cells, [](const Cell& cell) { return !complete(cell); });
  std::vector<Trial> trials;
  for (const std::size_t size : options.sizes) {
    if (size >= whole.cells.size() || size < 2) continue;
    trials.push_back(drawn_trial(whole, size, options));
    trials.push_back(proposed_trial(whole, size, options));
  }
  return trials;
}

}  // namespace assay::tune
