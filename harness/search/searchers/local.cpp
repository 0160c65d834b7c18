// Local search of Klein et al. (arXiv 2405.02267).

#include <set>

#include "harness/search/moves.h"
#include "harness/search/searcher.h"

namespace assay::search {
namespace {

class LocalSearcher : public Searcher {
 public:
  LocalSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space), first_(first_points(space)), random_(settings.seed) {}

  Asked ask() override {
    if (asked_ < first_.size()) return {first_[asked_++]};
    return {neighbour(space_, random_member(), random_)};
  }

  void tell(const Asked& asked, const Objectives& objectives) override {
    if (!known_.insert(asked.point).second) return;
    points_.push_back(asked.point);
    objectives_.push_back(objectives);
  }

 private:
  const Point& random_member() {
    const std::vector<bool> flags = non_dominated(objectives_);
    std::vector<std::size_t> front;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if (flags[i]) front.push_back(i);
    }
    return points_[front[random_index(front.size(), random_)]];
  }

  const Space& space_;
  std::vector<Point> first_;
  std::size_t asked_ = 0;
  PythonRandom random_;
  std::set<Point> known_;
  std::vector<Point> points_;
  std::vector<Objectives> objectives_;
};

}  // namespace

SearcherInfo searcher_local() {
  return {.name = "local",
          .summary =
              "A random neighbour of a random member of the front so far, one axis changed "
              "(Klein et al., arXiv 2405.02267)",
          .settings = {},
          .make = [](const Space& space, const SearcherSettings& settings) {
            return std::make_unique<LocalSearcher>(space, settings);
          }};
}

}  // namespace assay::search
