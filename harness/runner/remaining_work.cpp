#include "harness/runner/remaining_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/sampling.h"

namespace assay {
namespace {

constexpr double kFewSeconds = 10, kMinute = 60, kHour = 3600, kDay = 24 * kHour;

/// A number and its unit, no finer than an estimate is.
std::pair<std::string, std::string> rough(double seconds) {
  const auto whole = [&](double unit) { return fmt::format("{:.0f}", std::round(seconds / unit)); };
  if (seconds < kFewSeconds) return {"a few", "seconds"};
  if (seconds < 1.5 * kMinute) return {fmt::format("{:.0f}", 10 * std::round(seconds / 10)), "s"};
  if (seconds < 1.5 * kHour) return {whole(kMinute), "min"};
  if (seconds < 10 * kHour) return {fmt::format("{:.1f}", seconds / kHour), "h"};
  if (seconds < 2 * kDay) return {whole(kHour), "h"};
  return {whole(kDay), "days"};
}

std::string range_text(const SecondsRange& range) {
  const auto low = rough(range.low), high = rough(range.high);
  constexpr double kAlike = 1.5;
  if (low == high || range.high <= kAlike * range.low) {
    const auto [number, unit] = rough((range.low + range.high) / 2);
    return fmt::format("{}{} {}", unit == "seconds" ? "" : "about ", number, unit);
  }
  if (range.low < kFewSeconds) return fmt::format("up to {} {}", high.first, high.second);
  if (low.second == high.second) {
    return fmt::format("{} to {} {}", low.first, high.first, low.second);
  }
  return fmt::format("{} {} to {} {}", low.first, low.second, high.first, high.second);
}

std::string word_of(const std::string& pass) {
  if (pass == "time") return "timed process";
  return pass == "count" ? "counted process" : pass;
}

/// "the first fit is done", "the first fit and timed process are done".
std::string unknown_text(const std::set<std::string>& passes) {
  std::vector<std::string> words;
  for (const std::string& pass : passes) words.push_back(word_of(pass));
  return fmt::format("unknown until the first {} {} done", enumerated(words),
                     passes.size() == 1 ? "is" : "are");
}

}  // namespace

std::string estimate_text(const TimeLeft& estimate) {
  if (estimate.unknown.empty()) {
    if (estimate.seconds.high > 0) return range_text(estimate.seconds) + " left";
    return estimate.overdue ? "longer than expected" : "almost done";
  }
  const std::string unknown = unknown_text(estimate.unknown);
  if (estimate.seconds.low < kFewSeconds) return "time left " + unknown;
  const auto [number, unit] = rough(estimate.seconds.low);
  return fmt::format("at least {} {} left, {}", number, unit, unknown);
}

RemainingWork::RemainingWork(const Plan& plan, Clock now) : plan_(plan), now_(std::move(now)) {}

void RemainingWork::expect(const Cell& cell, bool timed, bool counted) {
  const MethodChoice& method = plan_.method_of(cell);
  const SuiteChoice& suite = plan_.suite_of(cell);
  Pending pending{.timed = timed, .counted = counted};
  pending.kind.method = with_params(method.id, canonical_json(method.all_params()));
  pending.kind.model = plan_.model_of(cell).choice.id;
  pending.kind.suite = with_params(suite.id, canonical_json(suite.params));
  pending.kind.profile = cell.profile;
  if (pending_.emplace(&cell, pending).second) expect_fits(cell, pending.kind);
}

void RemainingWork::expect_fits(const Cell& cell, const ProcessKind& kind) {
  if (cell.unmet || cell.artefact_key.empty()) return;
  for (const FitJob* job : plan_.jobs_for(cell.artefact_key)) {
    std::error_code ignored;
    if (std::filesystem::exists(artefact_path(job->key), ignored)) continue;
    Fit& fit = fits_[job->key];
    fit.kind = kind;
    fit.kind.pass = "fit";
    fit.kind.suite.clear();
    ++fit.cells;
  }
}

void RemainingWork::begin(const Cell& cell, const std::string& pass) {
  const auto found = pending_.find(&cell);
  if (found == pending_.end()) return;
  Running running{found->second.kind, now_()};
  running.kind.pass = pass;
  if (pass == "fit") running.kind.suite.clear();
  running_[&cell] = running;
}

void RemainingWork::end(const Cell& cell, double seconds) {
  const auto running = running_.find(&cell);
  if (running == running_.end()) return;
  const ProcessKind kind = running->second.kind;
  running_.erase(running);
  known_.add(kind, seconds);
  if (kind.pass == "time") {
    spent_[group_of(cell)] += seconds;
    ++pending_.at(&cell).processes;
  }
  if (kind.pass == "count") pending_.at(&cell).counted = false;
}

void RemainingWork::fail(const Cell& cell) {
  const auto running = running_.find(&cell);
  if (running == running_.end()) return;
  if (running->second.kind.pass == "time") pending_.at(&cell).failed = true;
  if (running->second.kind.pass == "count") pending_.at(&cell).counted = false;
  running_.erase(running);
}

void RemainingWork::begin_again(const Cell& cell) {
  running_.erase(&cell);
  const auto found = pending_.find(&cell);
  if (found == pending_.end()) return;
  found->second.processes = 0;
  found->second.failed = false;
}

void RemainingWork::fitted(const std::string& artefact_key) { fits_.erase(artefact_key); }

void RemainingWork::finish(const Cell& cell) {
  running_.erase(&cell);
  if (pending_.erase(&cell) == 0) return;
  if (cell.unmet || cell.artefact_key.empty()) return;
  for (const FitJob* job : plan_.jobs_for(cell.artefact_key)) {
    const auto fit = fits_.find(job->key);
    if (fit != fits_.end() && --fit->second.cells == 0) fits_.erase(fit);
  }
}

void RemainingWork::add(const ProcessKind& kind, TimeLeft& sum) const {
  const auto seconds = known_.expected(kind);
  if (!seconds) {
    sum.unknown.insert(kind.pass);
    return;
  }
  sum.seconds.low += seconds->low;
  sum.seconds.high += seconds->high;
}

std::map<RemainingWork::GroupKey, RemainingWork::Group> RemainingWork::groups(TimeLeft& sum) const {
  const auto fewest = static_cast<std::size_t>(plan_.experiment.processes_per_arm);
  const auto left = [](std::size_t all, std::size_t done) {
    return static_cast<double>(all > done ? all - done : 0);
  };
  std::map<GroupKey, Group> groups;
  for (const auto& [cell, pending] : pending_) {
    if (!pending.timed || pending.failed) continue;
    ProcessKind kind = pending.kind;
    kind.pass = "time";
    const auto seconds = known_.expected(kind);
    if (!seconds) {
      sum.unknown.insert("time");
      continue;
    }
    Group& group = groups[group_of(*cell)];
    const double sure = left(fewest, pending.processes);
    group.fewest.low += sure * seconds->low;
    group.fewest.high += sure * seconds->high;
    group.most += left(most_processes(plan_.experiment), pending.processes) * seconds->high;
  }
  return groups;
}

/// Sampling that adapts stops anywhere between the fewest processes and its budget.
void RemainingWork::add_groups(TimeLeft& sum) const {
  for (const auto& [key, group] : groups(sum)) {
    const auto spent = spent_.find(key);
    const double budget =
        plan_.experiment.sampling.budget_s - (spent == spent_.end() ? 0 : spent->second);
    const bool adapts = plan_.experiment.sampling.adapts();
    sum.seconds.low += group.fewest.low;
    sum.seconds.high +=
        adapts ? std::max(group.fewest.high, std::min(group.most, budget)) : group.fewest.high;
  }
}

bool RemainingWork::runs_surely(const Cell* cell, const Running& running) const {
  const auto fewest = static_cast<std::size_t>(plan_.experiment.processes_per_arm);
  return running.kind.pass != "time" || pending_.at(cell).processes < fewest;
}

void RemainingWork::take_running(bool beside, TimeLeft& sum) const {
  for (const auto& [cell, running] : running_) {
    const std::string& pass = running.kind.pass;
    const auto seconds = known_.expected(running.kind);
    if (!seconds || beside != (pass == "fit" || pass == "score")) continue;
    const double elapsed = now_() - running.began;
    sum.overdue = sum.overdue || elapsed > seconds->high;
    const double sure = runs_surely(cell, running) ? std::min(elapsed, seconds->low) : 0;
    sum.seconds.low = std::max(0.0, sum.seconds.low - sure);
    sum.seconds.high =
        std::max(sum.seconds.low, sum.seconds.high - std::min(elapsed, seconds->high));
  }
}

/// As if they could be dealt out evenly.
TimeLeft RemainingWork::fits_and_scores() const {
  TimeLeft sum;
  std::size_t scores = 0;
  for (const auto& [key, fit] : fits_) add(fit.kind, sum);
  for (const auto& [cell, pending] : pending_) {
    if (cell->unmet || pending.timed) continue;
    ProcessKind kind = pending.kind;
    kind.pass = "score";
    add(kind, sum);
    ++scores;
  }
  take_running(true, sum);
  const auto places = static_cast<double>(std::clamp<std::size_t>(scores, 1, places_));
  sum.seconds.low /= places;
  sum.seconds.high /= places;
  return sum;
}

TimeLeft RemainingWork::times_and_counts() const {
  TimeLeft sum;
  for (const auto& [cell, pending] : pending_) {
    if (cell->unmet || !pending.counted) continue;
    ProcessKind kind = pending.kind;
    kind.pass = "count";
    add(kind, sum);
  }
  add_groups(sum);
  take_running(false, sum);
  return sum;
}

TimeLeft RemainingWork::estimate() const {
  TimeLeft sum = fits_and_scores();
  const TimeLeft alone = times_and_counts();
  sum.seconds.low += alone.seconds.low;
  sum.seconds.high += alone.seconds.high;
  sum.unknown.insert(alone.unknown.begin(), alone.unknown.end());
  sum.overdue = sum.overdue || alone.overdue;
  return sum;
}

}  // namespace assay
