// Bayesian search by expected hypervolume improvement, as Klein et al. (arXiv 2405.02267) compare
// with; Gaussian processes and the improvement (Daulton et al., arXiv 2006.05078, in the logarithms
// of Ament et al., arXiv 2310.20708) are Optuna's GPSampler.

#include <set>

#include "harness/search/batch_searcher.h"
#include "harness/search/moves.h"
#include "harness/search/suggester.h"
#include "search_build.h"

namespace assay::search {
namespace {

/// Points before the first fit.
constexpr std::size_t kFirstPoints = 10;
/// Random points that are tried where the suggested one is known.
constexpr int kTries = 1000;

/// Every ask is a function of the seed and of the different points that were told: a log is
/// recalled without fits, and a suggestion that was evaluated before becomes a random point.
class EhviSearcher : public Searcher {
 public:
  EhviSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space),
        seed_(settings.seed),
        first_(first_points(space)),
        suggester_(space, settings.seed) {}

  Asked ask() override {
    if (history_.size() < first_.size()) return {first_[history_.size()]};
    if (history_.size() < kFirstPoints) return {new_random_point()};
    const Point point = suggester_.suggest(history_);
    return {known_.contains(point) ? new_random_point() : point};
  }

  void tell(const Asked& asked, const Objectives& objectives) override {
    if (known_.insert(asked.point).second) history_.push_back({asked, objectives});
  }

  bool recall(const Asked& asked, const Objectives& objectives) override {
    tell(asked, objectives);
    return true;
  }

 private:
  /// One that is known when a thousand draws give no other.
  Point new_random_point() {
    // An odd multiplier: other counts give other seeds.
    PythonRandom random(seed_ + history_.size() * 0x9e3779b97f4a7c15U);
    Point point = random_point(space_, random);
    for (int tries = 1; tries < kTries && known_.contains(point); ++tries) {
      point = random_point(space_, random);
    }
    return point;
  }

  const Space& space_;
  std::uint64_t seed_;
  std::vector<Point> first_;
  Suggester suggester_;
  std::set<Point> known_;
  std::vector<Told> history_;
};

}  // namespace

SearcherInfo searcher_ehvi() {
  return {.name = "ehvi",
          .summary =
              "Bayesian search: the expected hypervolume improvement of Gaussian processes, "
              "by Optuna's GPSampler (Daulton et al., arXiv 2006.05078)",
          .settings = {},
          .revision = std::string("1, library ") + kSearchLock,
          .make = [](const Space& space, const SearcherSettings& settings) {
            return std::make_unique<EhviSearcher>(space, settings);
          }};
}

}  // namespace assay::search
