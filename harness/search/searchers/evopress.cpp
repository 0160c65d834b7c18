// EvoPress: Sieberling, Kuznedelev, Kurtic, Alistarh, "EvoPress: accurate dynamic model compression
// via evolutionary search" (arXiv 2410.14649). A (1 + lambda) search at a given size: what one axis
// gains, others give.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "harness/base/errors.h"
#include "harness/search/batch_searcher.h"
#include "harness/search/moves.h"

namespace assay::search {
namespace {

/// A round of selection: offspring / `divisor` survive, at least one.
struct Round {
  double fidelity;
  std::int64_t divisor;
};
/// As the paper's 128 -> 16 -> 4 -> 1, with fewer offspring and less different amounts of data. The
/// last round compares with the parent and leaves one.
constexpr std::array kRounds = {Round{1.0 / 16, 4}, Round{1.0 / 4, 8}, Round{1, 0}};

/// At most this many axes are raised, and this many steps made, for a child.
constexpr int kMostRaised = 3, kMostSteps = 10;
/// A child keeps at least this share of what it gained: what it gives beyond that is lost for
/// nothing.
constexpr double kLeastKept = 0.8;
/// Tries for one child; the same again without the rule above, which coarse axes cannot keep.
constexpr int kTries = 100;
/// Generations without a new point after which a target is left.
constexpr int kIdleGenerations = 20;

std::size_t survivors_of(const Round& round, std::int64_t offspring) {
  if (round.divisor == 0) return 1;
  return static_cast<std::size_t>(std::max<std::int64_t>(1, offspring / round.divisor));
}

/// Budget of a generation; the parent was evaluated before.
double generation_cost(std::int64_t offspring) {
  auto candidates = static_cast<double>(offspring);
  double cost = 0;
  for (const Round& round : kRounds) {
    cost += candidates * round.fidelity;
    candidates = static_cast<double>(survivors_of(round, offspring));
  }
  return cost;
}

/// With the choice of a first parent, and its evaluation.
double least_cost(std::int64_t offspring) {
  return static_cast<double>(offspring) * kRounds[0].fidelity + 1 + generation_cost(offspring);
}

class EvopressSearcher : public BatchSearcher {
 public:
  EvopressSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space), settings_(settings), random_(settings.seed) {}

 protected:
  std::vector<Asked> next_batch(const std::vector<Told>& told) override {
    if (told.empty()) return first_candidates();
    count_cost(told);
    if (choosing_first_) {
      choosing_first_ = false;
      parent_ = best(told, 1).front();
      return begin_generation();
    }
    std::vector<Point> survivors =
        best(told, survivors_of(kRounds.at(round_), settings_.offspring));
    if (round_ + 1 < kRounds.size()) return ask_round(round_ + 1, std::move(survivors));
    parent_ = survivors.front();
    return end_generation();
  }

 private:
  [[nodiscard]] double target() const { return settings_.targets[target_]; }

  void count_cost(const std::vector<Told>& told) {
    for (const auto& [asked, objectives] : told) {
      if (known_.insert({asked.point, asked.fidelity}).second) spent_ += asked.fidelity;
    }
  }

  /// Points of the least loss, best first; of equal ones those that were asked first.
  static std::vector<Point> best(std::vector<Told> told, std::size_t count) {
    std::stable_sort(told.begin(), told.end(), [](const Told& a, const Told& b) {
      return a.objectives[0] < b.objectives[0];
    });
    std::vector<Point> points;
    for (std::size_t i = 0; i < std::min(count, told.size()); ++i) {
      points.push_back(told[i].asked.point);
    }
    return points;
  }

  static std::vector<Asked> asked_with(double fidelity, const std::vector<Point>& points) {
    std::vector<Asked> batch;
    batch.reserve(points.size());
    for (const Point& point : points) batch.push_back({point, fidelity});
    return batch;
  }

  std::vector<Asked> first_candidates() {
    choosing_first_ = true;
    std::vector<Point> points;
    for (std::int64_t i = 0; i < settings_.offspring; ++i) points.push_back(shrunk());
    return asked_with(kRounds[0].fidelity, points);
  }

  std::vector<Asked> begin_generation() {
    spent_before_ = spent_;
    std::vector<Point> children = offspring();
    const std::size_t round = children.empty() ? kRounds.size() - 1 : 0;
    return ask_round(round, std::move(children));
  }

  std::vector<Asked> ask_round(std::size_t round, std::vector<Point> points) {
    round_ = round;
    if (round + 1 == kRounds.size()) points.push_back(parent_);
    return asked_with(kRounds.at(round).fidelity, points);
  }

  std::vector<Asked> end_generation() {
    idle_ = spent_ > spent_before_ ? 0 : idle_ + 1;
    if (target_ + 1 == settings_.targets.size() || !is_target_done()) return begin_generation();
    ++target_;
    idle_ = 0;
    return first_candidates();
  }

  /// Every target may spend the same; what one leaves goes to those after it.
  [[nodiscard]] bool is_target_done() const {
    const double share =
        static_cast<double>(settings_.evaluations) / static_cast<double>(settings_.targets.size());
    return idle_ >= kIdleGenerations ||
           spent_ + generation_cost(settings_.offspring) > share * static_cast<double>(target_ + 1);
  }

  /// The largest point, made smaller on random axes until it is within the target.
  Point shrunk() {
    Point point = largest_point(space_);
    while (space_.size(point) > target() && move(point, -1)) {
    }
    return point;
  }

  /// One step on a random axis that allows it.
  bool move(Point& point, std::int32_t step) {
    std::vector<std::size_t> axes;
    for (std::size_t axis = 0; axis < point.size(); ++axis) {
      const std::int32_t index = point[axis] + step;
      if (index >= 0 && static_cast<std::size_t>(index) < space_.axes[axis].values.size()) {
        axes.push_back(axis);
      }
    }
    if (axes.empty()) return false;
    point[axes[random_index(axes.size(), random_)]] += step;
    return true;
  }

  std::vector<Point> offspring() {
    std::vector<Point> children;
    for (std::int64_t i = 0; i < settings_.offspring; ++i) {
      const std::optional<Point> child = another_child(children);
      if (!child) break;
      children.push_back(*child);
    }
    return children;
  }

  std::optional<Point> another_child(const std::vector<Point>& others) {
    for (int tries = 0; tries < 2 * kTries; ++tries) {
      std::optional<Point> child = mutated(tries < kTries);
      if (child && *child != parent_ &&
          std::find(others.begin(), others.end(), *child) == others.end()) {
        return child;
      }
    }
    return std::nullopt;
  }

  /// Some axes one step up, the fewer the likelier; then others down until it fits.
  std::optional<Point> mutated(bool sparing) {
    Point child = parent_;
    auto steps = static_cast<int>(
        std::min(random_.randint(1, kMostRaised), random_.randint(1, kMostRaised)));
    for (int i = 0; i < steps; ++i) move(child, +1);
    const double before = space_.size(parent_), raised = space_.size(child);
    while (space_.size(child) > target()) {
      if (++steps > kMostSteps || !move(child, -1)) return std::nullopt;
    }
    const double given = raised - space_.size(child);
    if (sparing && raised - before < kLeastKept * given) return std::nullopt;
    return child;
  }

  const Space& space_;
  SearcherSettings settings_;
  PythonRandom random_;
  std::size_t target_ = 0, round_ = 0;
  bool choosing_first_ = false;
  Point parent_;
  std::set<std::pair<Point, double>> known_;
  double spent_ = 0, spent_before_ = 0;
  int idle_ = 0;  ///< generations in a row that asked nothing new
};

std::unique_ptr<Searcher> make_evopress(const Space& space, const SearcherSettings& settings) {
  const double smallest = space.size(smallest_point(space));
  for (const double target : settings.targets) {
    if (target >= smallest) continue;
    throw UserError(
        fmt::format("searcher evopress: target {} cannot be reached: the smallest "
                    "point has {:.4f}",
                    target, smallest));
  }
  const double needed =
      least_cost(settings.offspring) * static_cast<double>(settings.targets.size());
  if (static_cast<double>(settings.evaluations) < needed) {
    throw UserError(fmt::format(
        "searcher evopress: {} evaluations are too few for {} targets with "
        "{} offspring; at least {:.0f} are needed",
        settings.evaluations, settings.targets.size(), settings.offspring, std::ceil(needed)));
  }
  return std::make_unique<EvopressSearcher>(space, settings);
}

}  // namespace

SearcherInfo searcher_evopress() {
  return {.name = "evopress",
          .summary =
              "(1 + lambda) evolution at a given size: axes one step up, others one down, "
              "selected in rounds with growing data (Sieberling et al., arXiv 2410.14649)",
          .settings = {"evaluations", "offspring", "targets"},
          .asks_parts = true,
          .make = make_evopress};
}

}  // namespace assay::search
