#include "harness/runner/job.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "harness/runner/schedule.h"

namespace assay {
namespace {

/// What decides the model that a cell's scores are of, and where it runs. The bare model is the
/// same under every seed, unless its weights are drawn from it.
using Scored = std::tuple<std::size_t, std::string, std::string, std::uint64_t>;
using Timed = std::tuple<std::size_t, std::size_t, std::string>;

Scored scored_group(const Plan& plan, const Cell& cell) {
  const bool drawn = plan.model_of(cell).choice.random_weights;
  return {cell.model, cell.artefact_key, cell.profile, drawn ? cell.seed : 0};
}

}  // namespace

std::vector<Job> jobs_of(const Plan& plan, const std::function<bool(const Cell&)>& is_timed,
                         std::uint64_t seed) {
  std::vector<Job> jobs;
  std::map<Scored, std::size_t> scores;
  std::map<Timed, Job> timed;
  for (const Cell& cell : plan.cells) {
    if (cell.unmet) {
      jobs.push_back({Job::Kind::kKnown, {&cell}});
    } else if (is_timed(cell)) {
      Job& group = timed[{cell.model, cell.suite, cell.profile}];
      group.kind = Job::Kind::kTimes;
      group.cells.push_back(&cell);
    } else {
      const auto [place, is_new] = scores.try_emplace(scored_group(plan, cell), jobs.size());
      if (is_new) jobs.push_back({Job::Kind::kScores, {}});
      jobs[place->second].cells.push_back(&cell);
    }
  }
  std::vector<Job> groups;
  for (auto& [key, group] : timed) groups.push_back(std::move(group));
  for (const std::size_t i : seeded_order(groups.size(), seed)) {
    jobs.push_back(std::move(groups[i]));
  }
  return jobs;
}

std::deque<Job>::iterator next_job(
    std::deque<Job>& waiting, const std::vector<const Job*>& at_work,
    const std::function<bool(const Job&, const Job&)>& in_each_others_way) {
  return std::find_if(waiting.begin(), waiting.end(), [&](const Job& job) {
    return std::none_of(at_work.begin(), at_work.end(),
                        [&](const Job* other) { return in_each_others_way(job, *other); });
  });
}

std::size_t cell_count(const std::vector<Job>& jobs) {
  std::size_t cells = 0;
  for (const Job& job : jobs) cells += job.cells.size();
  return cells;
}

}  // namespace assay
