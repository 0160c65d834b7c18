// Random points whose sizes are spread evenly. Uniform axes pile up around the middle size: the
// sum of many independent choices does.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/search/moves.h"
#include "harness/search/searcher.h"

namespace assay::search {
namespace {

/// Draws for one point. A bin where so many draws give nothing new is left.
constexpr int kTries = 10000;

struct Bin {
  bool open = true;
  bool reached = false;
};

class StratifiedSearcher : public Searcher {
 public:
  StratifiedSearcher(const Space& space, const SearcherSettings& settings)
      : space_(space),
        random_(settings.seed),
        smallest_(space.size(smallest_point(space))),
        width_((space.size(largest_point(space)) - smallest_) / static_cast<double>(settings.bins)),
        bins_(static_cast<std::size_t>(settings.bins)) {}

  Asked ask() override {
    while (std::any_of(bins_.begin(), bins_.end(), [](const Bin& bin) { return bin.open; })) {
      const std::size_t bin = next_bin();
      Point point;
      if (bins_[bin].open && draw(bin, point)) return {point};
    }
    return {random_point(space_, random_)};
  }

  void tell(const Asked& asked, const Objectives& /*objectives*/) override {
    known_.insert(asked.point);
  }

  [[nodiscard]] std::vector<Remark> remarks() const override {
    std::string empty;
    for (std::size_t i = 0; i < bins_.size(); ++i) {
      if (bins_[i].open || bins_[i].reached) continue;
      const double low = smallest_ + width_ * static_cast<double>(i);
      empty += fmt::format("{}{:.3f}-{:.3f}", empty.empty() ? "" : ", ", low, low + width_);
    }
    if (empty.empty()) return {};
    return {{"search_bins_unreached",
             fmt::format("no point was found in these ranges of size, in {} draws each: {}", kTries,
                         empty)}};
  }

 private:
  /// Every bin once, in random order, then again.
  std::size_t next_bin() {
    if (order_.empty()) {
      for (std::size_t i = 0; i < bins_.size(); ++i) order_.push_back(i);
      random_.shuffle(order_);
    }
    const std::size_t bin = order_.back();
    order_.pop_back();
    return bin;
  }

  [[nodiscard]] std::size_t bin_of(double size) const {
    if (!(width_ > 0)) return 0;
    const double place = std::max(0.0, (size - smallest_) / width_);
    return std::min(bins_.size() - 1, static_cast<std::size_t>(place));
  }

  /// A new point of this bin; false closes the bin.
  bool draw(std::size_t bin, Point& point) {
    for (int tries = 0; tries < kTries; ++tries) {
      point = random_point(space_, random_);
      if (bin_of(space_.size(point)) != bin) continue;
      bins_[bin].reached = true;
      if (!known_.contains(point)) return true;
    }
    return bins_[bin].open = false;
  }

  const Space& space_;
  PythonRandom random_;
  double smallest_, width_;
  std::vector<Bin> bins_;
  std::vector<std::size_t> order_;
  std::set<Point> known_;
};

}  // namespace

SearcherInfo searcher_stratified() {
  return {.name = "stratified",
          .summary = "Random points, as many in each of equal ranges of size",
          .settings = {"bins"},
          .make = [](const Space& space, const SearcherSettings& settings) {
            return std::make_unique<StratifiedSearcher>(space, settings);
          }};
}

}  // namespace assay::search
