#include "harness/runner/self_comparison.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <stdexcept>

#include "harness/base/python_random.h"
#include "harness/stats/intervals.h"
#include "harness/stats/permutation.h"
#include "harness/stats/power.h"

namespace assay {
namespace {

constexpr double kAlarmLevel = 0.05;
constexpr double kBoundLevel = 0.05;

std::vector<double> log_ratios(const IdenticalArms& arms) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < arms.a.size(); ++i) {
    ratios.push_back(std::log(arms.b[i]) - std::log(arms.a[i]));
  }
  return ratios;
}

double upper_bound(std::size_t alarms, std::size_t comparisons) {
  if (alarms == comparisons) return 1.0;
  return boost::math::binomial::find_upper_bound_on_p(static_cast<double>(comparisons),
                                                      static_cast<double>(alarms), kBoundLevel);
}

/// One block: four processes, two pairs.
void run_block(bool b_first, const std::function<double()>& process, IdenticalArms& arms) {
  std::vector<double>& outer = b_first ? arms.b : arms.a;
  std::vector<double>& inner = b_first ? arms.a : arms.b;
  outer.push_back(process());
  inner.push_back(process());
  inner.push_back(process());
  outer.push_back(process());
}

void require_arms(std::span<const IdenticalArms> runs) {
  const auto whole = [](const IdenticalArms& arms) {
    return arms.a.size() == arms.b.size() && arms.a.size() >= 2;
  };
  if (!runs.empty() && std::all_of(runs.begin(), runs.end(), whole)) return;
  throw std::invalid_argument("a comparison needs two arms of the same size, at least 2");
}

}  // namespace

Json to_json(const SelfComparison& comparison) {
  return {{"work", comparison.work},
          {"comparisons", comparison.comparisons},
          {"processes_per_arm", comparison.processes_per_arm},
          {"false_alarms", comparison.false_alarms},
          {"false_alarm_rate_bound_95", comparison.alarm_bound},
          {"cv_between_processes", comparison.between_processes},
          {"noise_floor", comparison.noise_floor},
          {"minimum_detectable_slowdown", comparison.detectable}};
}

std::vector<IdenticalArms> run_identical_arms(const SelfComparisonPlan& plan,
                                              const std::function<double()>& process) {
  if (plan.comparisons == 0 || plan.processes_per_arm < 2 || plan.processes_per_arm % 2 != 0) {
    throw std::invalid_argument("processes_per_arm must be even and at least 2");
  }
  PythonRandom random(plan.seed);
  std::vector<IdenticalArms> runs(plan.comparisons);
  for (IdenticalArms& arms : runs) {
    for (std::size_t block = 0; block < plan.processes_per_arm / 2; ++block) {
      run_block(random.randint(0, 1) == 1, process, arms);
    }
  }
  return runs;
}

SelfComparison judge_identical_arms(const std::string& work, std::span<const IdenticalArms> runs) {
  require_arms(runs);
  SelfComparison result;
  result.work = work;
  result.comparisons = runs.size();
  result.processes_per_arm = runs.front().a.size();
  std::vector<double> deviations, spreads, detectable;
  for (const IdenticalArms& arms : runs) {
    const std::vector<double> ratios = log_ratios(arms);
    if (sign_flip_test(ratios, Alternative::kTwoSided).p < kAlarmLevel) ++result.false_alarms;
    deviations.push_back(std::abs(median(arms.b) / median(arms.a) - 1));
    std::vector<double> all = arms.a;
    all.insert(all.end(), arms.b.begin(), arms.b.end());
    spreads.push_back(sample_standard_deviation(all) / mean(all));
    detectable.push_back(
        std::expm1(minimum_detectable_effect(sample_standard_deviation(ratios), ratios.size())));
  }
  result.alarm_bound = upper_bound(result.false_alarms, result.comparisons);
  result.between_processes = mean(spreads);
  result.noise_floor = quantile(deviations, 0.9);
  result.detectable = mean(detectable);
  return result;
}

}  // namespace assay
