#include "harness/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/search/search_log.h"

namespace assay::search {
namespace {

/// Sums of fidelities such as 1/16 are exact; others are off by less than this.
constexpr double kSlack = 1e-9;
/// What a point that could not be judged counts as.
constexpr double kWorst = std::numeric_limits<double>::infinity();

bool is_finite(const Objectives& objectives) {
  return std::isfinite(objectives[0]) && std::isfinite(objectives[1]);
}

/// A candidate that failed is worse than all others in both objectives: with a finite size it
/// would be on the searcher's front.
Objectives told(const Objectives& objectives) {
  return is_finite(objectives) ? objectives : Objectives{kWorst, kWorst};
}

std::string described(const Space& space, const Asked& asked) {
  std::vector<std::string> parts;
  const std::vector<std::int64_t> values = values_of(space, asked.point);
  for (std::size_t i = 0; i < values.size(); ++i) {
    parts.push_back(fmt::format("{} {}", space.axes[i].name, values[i]));
  }
  parts.push_back(fmt::format("fidelity {}", asked.fidelity));
  return join(parts, ", ");
}

Json log_identity(const SearchTask& task, const SearcherInfo& info) {
  return {{"assay_search", 1},
          {"space", space_identity(*task.space)},
          {"searcher", searcher_identity(info, task.settings)},
          {"identity", task.identity}};
}

const SearcherInfo& checked_searcher(const SearchTask& task) {
  if (task.space == nullptr || !task.evaluate) {
    throw std::invalid_argument("a search needs a space and an evaluation");
  }
  require_space(*task.space);
  const SearcherInfo& info = searcher(task.searcher);
  require_settings(info, task.settings);
  return info;
}

/// One search under way.
class Run {
 public:
  Run(const SearchTask& task, Searcher& searcher, SearchLog& log)
      : task_(task), space_(*task.space), searcher_(searcher), log_(log) {}

  SearchResult to_end() {
    while (!ended_) step();
    result_.front = front_of(result_.evaluations);
    for (Remark& remark : searcher_.remarks()) result_.remarks.push_back(std::move(remark));
    return std::move(result_);
  }

 private:
  void step() {
    if (!fits(2 * kSlack)) return end();
    if (is_exhausted()) return end_exhausted();
    if (recall()) return;
    const Asked asked = searcher_.ask();
    require_valid(asked);
    const auto known = record_.find({asked.point, asked.fidelity});
    if (known != record_.end()) return repeat(asked, known->second);
    if (!fits(asked.fidelity)) return end();
    repeats_ = 0;
    const Evaluation& evaluation =
        keep(next_recorded() != nullptr ? replayed(asked) : evaluated(asked));
    searcher_.tell(asked, told(evaluation.objectives));
    report(evaluation);
  }

  [[nodiscard]] bool fits(double fidelity) const {
    return result_.spent + fidelity <= static_cast<double>(task_.settings.evaluations) + kSlack;
  }

  [[nodiscard]] bool is_exhausted() const {
    return repeats_ >= kMostRepeats || static_cast<double>(whole_) >= point_count(space_);
  }

  void end() { ended_ = true; }

  void end_exhausted() {
    result_.remarks.push_back(
        {"search_exhausted",
         fmt::format("the search ended after {} different points of {:.0f}, before its {} "
                     "evaluations were spent: it found no others",
                     whole_, point_count(space_), task_.settings.evaluations)});
    end();
  }

  void require_valid(const Asked& asked) const {
    if (contains(space_, asked.point) && asked.fidelity > 0 && asked.fidelity <= 1) return;
    throw std::logic_error("searcher " + task_.searcher + " asked for what is not in the space");
  }

  void repeat(const Asked& asked, std::size_t index) {
    ++repeats_;
    ++result_.repeated;
    searcher_.tell(asked, told(result_.evaluations[index].objectives));
  }

  [[nodiscard]] const Evaluation* next_recorded() const {
    return result_.resumed < log_.recorded().size() ? &log_.recorded()[result_.resumed] : nullptr;
  }

  /// True when the searcher took the next evaluation of the log without being asked.
  bool recall() {
    const Evaluation* recorded = next_recorded();
    if (recorded == nullptr || !fits(recorded->fidelity)) return false;
    if (!searcher_.recall({recorded->point, recorded->fidelity}, told(recorded->objectives))) {
      return false;
    }
    ++result_.resumed;
    report(keep(*recorded));
    return true;
  }

  Evaluation replayed(const Asked& asked) {
    const Evaluation& recorded = *next_recorded();
    ++result_.resumed;
    const Asked then{recorded.point, recorded.fidelity};
    if (then == asked) return recorded;
    throw UserError(fmt::format(
        "{}:{}: the searcher now asks for another point ({}) than it did then ({}); sizes or the "
        "searcher are not the same: remove the file to search anew",
        log_.path().string(), result_.resumed + 1, described(space_, asked),
        described(space_, then)));
  }

  Evaluation evaluated(const Asked& asked) {
    const double start = monotonic_seconds();
    Answer answer = task_.evaluate(asked);
    Evaluation evaluation{.point = asked.point,
                          .fidelity = asked.fidelity,
                          .objectives = answer.objectives,
                          .seconds = monotonic_seconds() - start,
                          .details = std::move(answer.details)};
    log_.append(space_, evaluation);
    return evaluation;
  }

  const Evaluation& keep(Evaluation evaluation) {
    record_[{evaluation.point, evaluation.fidelity}] = result_.evaluations.size();
    result_.spent += evaluation.fidelity;
    whole_ += evaluation.fidelity == 1 ? 1 : 0;
    result_.evaluations.push_back(std::move(evaluation));
    return result_.evaluations.back();
  }

  void report(const Evaluation& evaluation) const {
    if (task_.on_evaluation) task_.on_evaluation(evaluation, result_.spent);
  }

  const SearchTask& task_;
  const Space& space_;
  Searcher& searcher_;
  SearchLog& log_;
  SearchResult result_;
  std::map<std::pair<Point, double>, std::size_t> record_;
  std::size_t whole_ = 0;  ///< distinct points that had all data
  int repeats_ = 0;        ///< in a row
  bool ended_ = false;
};

}  // namespace

std::vector<std::size_t> front_of(const std::vector<Evaluation>& evaluations) {
  std::vector<std::size_t> candidates;
  std::vector<Objectives> points;
  for (std::size_t i = 0; i < evaluations.size(); ++i) {
    if (evaluations[i].fidelity != 1 || !is_finite(evaluations[i].objectives)) continue;
    candidates.push_back(i);
    points.push_back(evaluations[i].objectives);
  }
  const std::vector<bool> flags = non_dominated(points);
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (flags[i]) front.push_back(candidates[i]);
  }
  std::stable_sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) {
    return evaluations[a].objectives[1] < evaluations[b].objectives[1];
  });
  return front;
}

SearchResult run_search(const SearchTask& task) {
  const SearcherInfo& info = checked_searcher(task);
  const std::unique_ptr<Searcher> searcher = info.make(*task.space, task.settings);
  if (task.folder.empty()) {
    SearchLog none;
    return Run(task, *searcher, none).to_end();
  }
  SearchLog log(task.folder, log_identity(task, info), *task.space);
  return Run(task, *searcher, log).to_end();
}

}  // namespace assay::search
