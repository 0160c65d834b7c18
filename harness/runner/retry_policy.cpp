#include "harness/runner/retry_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/numbers.h"
#include "harness/base/text.h"

namespace assay {
namespace {

constexpr Outcome kRetried[] = {Outcome::kCrashed, Outcome::kOom, Outcome::kTimeout};

std::string allowed_words() {
  std::vector<std::string> names;
  for (const Outcome outcome : kRetried) names.emplace_back(outcome_name(outcome));
  return fmt::format("allowed are {} with a number from 0 to {}, as in CRASHED=2",
                     enumerated(names), kMostRetries);
}

std::pair<Outcome, int> entry_of(const std::string& word) {
  const std::size_t sign = std::min(word.find('='), word.size());
  const std::string name = word.substr(0, sign);
  const int times = sign == word.size() ? -1 : number_from<int>(word.substr(sign + 1)).value_or(-1);
  const auto found = std::find_if(std::begin(kRetried), std::end(kRetried),
                                  [&](Outcome one) { return outcome_name(one) == name; });
  if (found == std::end(kRetried) || times < 0 || times > kMostRetries) {
    throw UserError(fmt::format("--retry-now {}: {}", quoted_name(word), allowed_words()));
  }
  return {*found, times};
}

bool may_pass(const OutcomeReason& outcome) {
  if (outcome.outcome != Outcome::kCrashed) return true;
  return outcome.code.starts_with("signal:") && outcome.code != "signal:SIGTERM";
}

}  // namespace

bool RetryPolicy::allows(const OutcomeReason& outcome, int tries_before) const {
  const auto entry = times.find(outcome.outcome);
  return entry != times.end() && tries_before < entry->second && may_pass(outcome);
}

RetryPolicy retry_policy_from(const std::vector<std::string>& words) {
  RetryPolicy policy;
  policy.timed_groups = true;
  for (const std::string& word : words) {
    const auto [outcome, times] = entry_of(word);
    policy.times[outcome] = times;
  }
  return policy;
}

}  // namespace assay
