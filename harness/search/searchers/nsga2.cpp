// NSGA-II: Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic algorithm:
// NSGA-II", IEEE Transactions on Evolutionary Computation 6(2), 2002.

#include <algorithm>
#include <numeric>
#include <set>

#include "harness/search/batch_searcher.h"
#include "harness/search/moves.h"

namespace assay::search {
namespace {

/// The paper's probability of a crossover is 0.9.
constexpr int kCrossoversInTen = 9;

struct Individual {
  Point point;
  Objectives objectives{};
  int rank = 0;
  double crowding = 0;
};

/// The paper's crowded comparison: lower rank, then more room.
bool is_better(const Individual& a, const Individual& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
}

void rank_all(std::vector<Individual>& population) {
  std::vector<Objectives> points;
  points.reserve(population.size());
  for (const Individual& individual : population) points.push_back(individual.objectives);
  const std::vector<int> rank = ranks(points);
  const std::vector<double> room = crowding(points, rank);
  for (std::size_t i = 0; i < population.size(); ++i) {
    population[i].rank = rank[i];
    population[i].crowding = room[i];
  }
}

class Nsga2Searcher : public BatchSearcher {
 public:
  Nsga2Searcher(const Space& space, const SearcherSettings& settings)
      : space_(space),
        random_(settings.seed),
        size_(static_cast<std::size_t>(settings.population)) {}

 protected:
  std::vector<Asked> next_batch(const std::vector<Told>& told) override {
    if (told.empty()) return first_batch();
    select(told);
    std::vector<Asked> children;
    while (children.size() < size_) add_children(children);
    return children;
  }

 private:
  std::vector<Asked> first_batch() {
    std::vector<Asked> batch;
    for (const Point& point : first_points(space_)) {
      if (batch.size() < size_) batch.push_back({point});
    }
    while (batch.size() < size_) batch.push_back({random_point(space_, random_)});
    return batch;
  }

  /// The best of parents and children. A point counts once: the paper's real numbers never meet,
  /// but copies of a point of a grid, which do not dominate each other, would fill the population.
  void select(const std::vector<Told>& told) {
    std::set<Point> known;
    for (const Individual& parent : population_) known.insert(parent.point);
    for (const Told& child : told) {
      if (!known.insert(child.asked.point).second) continue;
      population_.push_back({.point = child.asked.point, .objectives = child.objectives});
    }
    rank_all(population_);
    std::stable_sort(population_.begin(), population_.end(), is_better);
    if (population_.size() > size_) population_.resize(size_);
    rank_all(population_);
  }

  const Individual& tournament() {
    const Individual& a = population_[random_index(population_.size(), random_)];
    const Individual& b = population_[random_index(population_.size(), random_)];
    return is_better(b, a) ? b : a;
  }

  void add_children(std::vector<Asked>& children) {
    Point first = tournament().point, second = tournament().point;
    cross(first, second);
    for (Point* child : {&first, &second}) {
      mutate(*child);
      if (children.size() < size_) children.push_back({*child});
    }
  }

  /// At one place: what lies behind it changes sides.
  void cross(Point& first, Point& second) {
    if (first.size() < 2 || random_.randint(1, 10) > kCrossoversInTen) return;
    const auto place = static_cast<std::ptrdiff_t>(1 + random_index(first.size() - 1, random_));
    std::swap_ranges(first.begin() + place, first.end(), second.begin() + place);
  }

  /// Each of the d axes with probability 1 / d.
  void mutate(Point& point) {
    for (std::size_t axis = 0; axis < point.size(); ++axis) {
      if (random_index(point.size(), random_) == 0) resample(space_, axis, point, random_);
    }
  }

  const Space& space_;
  PythonRandom random_;
  std::size_t size_;
  std::vector<Individual> population_;
};

}  // namespace

SearcherInfo searcher_nsga2() {
  return {.name = "nsga2",
          .summary =
              "NSGA-II: the population's better half by rank and crowding, tournaments, "
              "one-point crossover, mutation of one axis in d (Deb et al. 2002)",
          .settings = {"population"},
          .make = [](const Space& space, const SearcherSettings& settings) {
            return std::make_unique<Nsga2Searcher>(space, settings);
          }};
}

}  // namespace assay::search
