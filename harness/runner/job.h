#pragma once
// A plan cut into jobs: what one machine does in one go.

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "harness/plan/plan.h"

namespace assay {

/// Cells that belong together.
struct Job {
  enum class Kind {
    kKnown,   ///< one cell, whose outcome the plan knows
    kScores,  ///< of one model as one artefact leaves it: it is loaded once for all of them
    kTimes,   ///< of cells that are compared with each other: the same model, suite and profile
  };
  Kind kind = Kind::kScores;
  std::vector<const Cell*> cells;  ///< in the order of the plan; of the plan that was cut
};

/// Every cell of the plan in one job. First what is known and scored, in the order of the first
/// cells, then the groups that are timed, in an order drawn from `seed`. `is_timed` is asked of
/// cells without a known outcome only.
std::vector<Job> jobs_of(const Plan& plan, const std::function<bool(const Cell&)>& is_timed,
                         std::uint64_t seed);

/// The first of those that wait that is in the way of none at work; `waiting.end()` where there is
/// none.
std::deque<Job>::iterator next_job(
    std::deque<Job>& waiting, const std::vector<const Job*>& at_work,
    const std::function<bool(const Job&, const Job&)>& in_each_others_way);

/// How many cells all of them have.
std::size_t cell_count(const std::vector<Job>& jobs);

}  // namespace assay
