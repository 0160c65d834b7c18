// Uniform points: the anchor that every other searcher has to beat.

#include "harness/search/searcher.h"

namespace assay::search {
namespace {

class RandomSearcher : public Searcher {
 public:
  RandomSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space), random_(settings.seed) {}

  Asked ask() override { return {random_point(space_, random_)}; }
  void tell(const Asked& /*asked*/, const Objectives& /*objectives*/) override {}

 private:
  const Space& space_;
  PythonRandom random_;
};

}  // namespace

SearcherInfo searcher_random() {
  return {.name = "random",
          .summary = "Every axis uniformly, by itself",
          .settings = {},
          .make = [](const Space& space, const SearcherSettings& settings) {
            return std::make_unique<RandomSearcher>(space, settings);
          }};
}

}  // namespace assay::search
