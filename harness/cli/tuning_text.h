#pragma once
// What `assay autotune` says, as text and as JSON.

#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/tune/tuner.h"
#include "harness/tune/validation.h"

namespace assay {

/// The answer for one budget.
struct TunedBudget {
  double budget = 0;
  std::vector<const tune::Candidate*> choices;  ///< largest gain first
  std::vector<const tune::Candidate*> next;
};

struct Tuning {
  const tune::Task& task;
  const tune::Tuner& tuner;
  std::vector<TunedBudget> budgets;
  std::vector<tune::Trial> trials;
};

std::string tuning_text(const Tuning& tuning);
Json tuning_json(const Tuning& tuning);

}  // namespace assay
