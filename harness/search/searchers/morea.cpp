// Regularised evolution with several objectives, as in Klein et al. (arXiv 2405.02267), after Real
// et al., "Regularized evolution for image classifier architecture search" (arXiv 1802.01548).

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>

#include "harness/base/errors.h"
#include "harness/search/moves.h"
#include "harness/search/searcher.h"

namespace assay::search {
namespace {

struct Member {
  Point point;
  Objectives objectives{};
};

class MoreaSearcher : public Searcher {
 public:
  MoreaSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space),
        random_(settings.seed),
        first_(first_points(space)),
        size_(static_cast<std::size_t>(settings.population)),
        sample_(static_cast<std::size_t>(settings.sample)) {}

  Asked ask() override {
    if (asked_ < first_.size()) return {first_[asked_++]};
    if (members_.size() < size_) return {random_point(space_, random_)};
    return {neighbour(space_, parent(), random_)};
  }

  void tell(const Asked& asked, const Objectives& objectives) override {
    members_.push_back({asked.point, objectives});
    if (members_.size() > size_) members_.pop_front();
  }

 private:
  /// The best of a random sample without repetition: lowest rank, then most room, then drawn first.
  const Point& parent() {
    const std::vector<std::size_t> drawn = draw_sample();
    std::vector<Objectives> points;
    points.reserve(drawn.size());
    for (const std::size_t i : drawn) points.push_back(members_[i].objectives);
    const std::vector<int> rank = ranks(points);
    const std::vector<double> room = crowding(points, rank);
    std::size_t best = 0;
    for (std::size_t i = 1; i < drawn.size(); ++i) {
      if (rank[i] < rank[best] || (rank[i] == rank[best] && room[i] > room[best])) best = i;
    }
    return members_[drawn[best]].point;
  }

  std::vector<std::size_t> draw_sample() {
    std::vector<std::size_t> indices(members_.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    random_.shuffle(indices);
    indices.resize(std::min(sample_, indices.size()));
    return indices;
  }

  const Space& space_;
  PythonRandom random_;
  std::vector<Point> first_;
  std::size_t asked_ = 0;
  std::size_t size_, sample_;
  std::deque<Member> members_;  ///< oldest first
};

std::unique_ptr<Searcher> make_morea(const Space& space, const SearcherSettings& settings) {
  if (settings.sample > settings.population) {
    throw UserError(fmt::format("searcher morea: sample is {}; a population of {} has not so many",
                                settings.sample, settings.population));
  }
  return std::make_unique<MoreaSearcher>(space, settings);
}

}  // namespace

SearcherInfo searcher_morea() {
  return {.name = "morea",
          .summary =
              "Regularised evolution: a neighbour of the best of a sample, the oldest dies "
              "(Klein et al., arXiv 2405.02267)",
          .settings = {"population", "sample"},
          .make = make_morea};
}

}  // namespace assay::search
