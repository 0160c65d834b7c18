#include "harness/runner/cell_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/file_lock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/fit_costs.h"
#include "harness/runner/requests.h"
#include "harness/runner/scratch.h"
#include "harness/runner/summaries.h"

namespace assay {
namespace {

/// " [31.2, 34.9]", or in words why there is none.
std::string interval_text(const MetricValue& value) {
  if (value.lo && value.hi) return fmt::format(" [{:.4g}, {:.4g}]", *value.lo, *value.hi);
  return value.no_interval.empty() ? "" : " (" + value.no_interval + ")";
}

std::string metrics_text(const SuiteKindEntry& kind, const std::vector<MetricValue>& values) {
  std::vector<std::string> parts;
  for (const MetricDef& def : kind.metrics) {
    for (const MetricValue& value : values) {
      if (value.tag == def.tag && value.value) {
        parts.push_back(fmt::format("{} {:.5g}{}{}{}", def.tag, *value.value,
                                    def.unit.empty() ? "" : " ", def.unit, interval_text(value)));
      }
    }
  }
  return join(parts, ", ");
}

std::string last_lines(const std::string& text, int lines) {
  std::size_t from = text.size();
  while (lines-- > 0 && from != std::string::npos && from > 0) {
    from = text.rfind('\n', from - 1);
  }
  return from == std::string::npos || from == 0 ? text : text.substr(from + 1);
}

/// An error that a worker spoke of makes its numbers no result, whatever it says at its end. Of a
/// number that is none it speaks because it left it out of its reply.
void mark_errors(WorkerRun& run) {
  if (run.outcome.outcome != Outcome::kOk) return;
  for (const WorkerReply::Event& event : run.reply.events) {
    if (event.level != "error") continue;
    if (event.code == "non_finite") {
      run.outcome = {Outcome::kNan, event.code, event.text};
      return;
    }
    run.outcome = {Outcome::kInvalid, "error_event", event.code + ": " + event.text};
  }
}

/// Neither stopped nor dead on the way: trying it again would score the same once more.
bool is_settled(const OutcomeReason& outcome) {
  return outcome.outcome == Outcome::kOk || outcome.outcome == Outcome::kNan ||
         outcome.outcome == Outcome::kUnmet || outcome.outcome == Outcome::kInvalid;
}

void forget_scores(const Cell& cell) {
  std::error_code ignored;
  std::filesystem::remove_all(scores_path(cell.key), ignored);
}

}  // namespace

CellRunner::CellRunner(const Plan& plan, const Catalogue& catalogue, Store& store,
                       WorkerLauncher& launcher, Progress& progress, RemainingWork& left,
                       Monitor& monitor, std::int64_t experiment, CellOptions options,
                       std::stop_token stop)
    : plan_(plan),
      catalogue_(catalogue),
      store_(store),
      launcher_(launcher),
      progress_(progress),
      left_(left),
      monitor_(monitor),
      workers_(plan, catalogue, launcher, progress, left, monitor),
      experiment_(experiment),
      session_(new_uuid()),
      options_(std::move(options)),
      stop_(std::move(stop)) {}

std::string CellRunner::on_suite(const std::string& doing, const Cell& cell) const {
  std::string text = fmt::format("{} {}: {}", doing, suite_label(plan_, catalogue_, cell),
                                 chain_label(plan_, catalogue_, cell));
  return plan_.models.size() > 1 ? text + " of " + plan_.model_of(cell).choice.id : text;
}

std::string CellRunner::fitting(const Cell& cell, const FitJob& job) const {
  std::string text = "fitting " + chain_label(plan_, catalogue_, cell);
  if (plan_.jobs_for(cell.artefact_key).size() > 1) text += ", " + job_name(plan_, job);
  return plan_.models.size() > 1 ? text + " to " + plan_.model_of(cell).choice.id : text;
}

const SuiteKindEntry& CellRunner::kind_of(const Cell& cell) const {
  return catalogue_.suite_kind(plan_.suite_of(cell).kind);
}

CellRunner::Claim CellRunner::claim(const std::function<std::vector<const Cell*>()>& choose,
                                    std::size_t place, std::optional<std::uint64_t> schedule_seed) {
  std::vector<const Cell*> cells;
  std::optional<std::int64_t> seed;
  if (schedule_seed) seed = static_cast<std::int64_t>(*schedule_seed);
  const Begun begun = store_.begin_attempts(experiment_, session_, seed, [&] {
    cells = choose();
    std::vector<std::string> keys;
    for (const Cell* cell : cells) keys.push_back(cell->key);
    return keys;
  });
  Claim claim{.attempts = {}, .busy = begun.busy, .schedule_seed = schedule_seed.value_or(0)};
  for (std::size_t i = 0; i < begun.attempts.size(); ++i) {
    Attempt attempt;
    attempt.cell = cells[i];
    attempt.id = begun.attempts[i];
    attempt.place = place;
    attempt.started = monotonic_seconds();
    claim.attempts.push_back(std::move(attempt));
  }
  return claim;
}

void CellRunner::abandon(Claim& claim) {
  for (const Attempt& attempt : claim.attempts) {
    left_.begin_again(*attempt.cell);
    try {
      store_.finish_attempt(attempt.id, {Outcome::kInterrupted, "lost",
                                         "another run took a cell of the same group over"});
    } catch (const AttemptLost&) {
      continue;
    } catch (const std::logic_error&) {
      continue;  // finished before the loss was noticed
    }
  }
}

OutcomeReason CellRunner::finish(Attempt& attempt, const std::vector<MetricValue>& shown) {
  const OutcomeReason outcome = attempt.ended.value_or(OutcomeReason{});
  store_.finish_attempt(attempt.id, outcome);
  left_.finish(*attempt.cell);
  report(attempt, outcome, shown);
  return outcome;
}

void CellRunner::report(const Attempt& attempt, const OutcomeReason& outcome,
                        const std::vector<MetricValue>& shown) {
  std::string text =
      fmt::format("{}: {}", workers_.placed(cell_label(plan_, catalogue_, *attempt.cell)),
                  outcome_name(outcome.outcome));
  if (outcome.outcome == Outcome::kOk) {
    text += fmt::format(" {} ({})", metrics_text(kind_of(*attempt.cell), shown),
                        human_seconds(monotonic_seconds() - attempt.started));
  } else {
    if (!outcome.code.empty()) text += fmt::format(" ({})", outcome.code);
    if (!outcome.text.empty()) text += ": " + outcome.text;
  }
  progress_.step(text);
  say_again(*attempt.cell, outcome);
}

void CellRunner::say_again(const Cell& cell, const OutcomeReason& outcome) {
  const bool failed = outcome.outcome != Outcome::kOk && outcome.outcome != Outcome::kUnmet &&
                      outcome.outcome != Outcome::kInterrupted;
  if (!failed || options_.command.empty()) return;
  progress_.step(fmt::format("  again: {} --only {} --debug", options_.command, short_key(cell)));
}

OutcomeReason CellRunner::end(Attempt& attempt, const OutcomeReason& outcome) {
  attempt.ended = outcome;
  return finish(attempt, {});
}

void CellRunner::add_process(Attempt& attempt, WorkerRun& run, const std::string& pass) {
  run.process.pass = pass;
  run.process.order = order_++;
  auto& events = run.reply.events;
  events.insert(events.begin(), attempt.cached_events.begin(), attempt.cached_events.end());
  attempt.cached_events.clear();
  mark_errors(run);
  const auto definitions =
      definitions_for(kind_of(*attempt.cell), run.reply.metrics, run.reply.samples);
  try {
    store_.add_process(attempt.id, run.process, run.reply, definitions);
  } catch (const std::invalid_argument& error) {
    // A number that is none: keep the process without its numbers.
    run.reply.metrics.clear();
    run.reply.samples.clear();
    run.reply.items.clear();
    run.outcome = {Outcome::kNan, "non_finite", error.what()};
    store_.add_process(attempt.id, run.process, run.reply, definitions);
  }
  if (run.outcome.outcome == Outcome::kCrashed && !run.process.stderr_tail.empty()) {
    progress_.step(last_lines(run.process.stderr_tail, 5));
  }
}

bool CellRunner::inherits_failure(Attempt& attempt, const FitJob& job) const {
  const auto failed = failed_fits_.find(job.key);
  if (failed == failed_fits_.end()) return false;
  attempt.ended = failed->second;
  attempt.inherits = true;
  return true;
}

void CellRunner::forget_failed_fits(const Cell& cell) {
  for (const FitJob* job : plan_.jobs_for(cell.artefact_key)) failed_fits_.erase(job->key);
}

/// Of a large artefact the hash takes a while.
std::optional<FitRecord> CellRunner::cached(const FitJob& job) {
  return monitor_.outside([&] { return cached_artefact(job.key); });
}

/// Another program may need the same artefact at the same time, of another database as well: the
/// second waits for the first and takes what it made. So would another thread of this one, which is
/// given no such job meanwhile.
std::optional<FitRecord> CellRunner::fit(Attempt& attempt, const FitJob& job) {
  ensure_folder(artefact_path(job.key).parent_path());
  const std::string waits = workers_.placed(cell_label(plan_, catalogue_, *attempt.cell)) +
                            ": waits for the fit that another program makes";
  std::optional<FileLock> lock;
  workers_.wait_outside(attempt.place, [&] {
    lock.emplace(artefact_path(job.key), stop_, [&] { workers_.say_outside(waits); });
  });
  if (inherits_failure(attempt, job)) return std::nullopt;
  if (std::optional<FitRecord> made = cached(job)) {
    attempt.cached_events.insert(attempt.cached_events.end(), made->events.begin(),
                                 made->events.end());
    return made;
  }
  if (!stop_.stop_requested()) return fit_alone(attempt, job);
  attempt.ended = OutcomeReason{Outcome::kInterrupted, "stopped", "stopped on request"};
  return std::nullopt;
}

std::optional<FitRecord> CellRunner::fit_alone(Attempt& attempt, const FitJob& job) {
  const ScratchFolder scratch;
  WorkerRun run = workers_.launch(
      *attempt.cell, fit_request(plan_, catalogue_, *attempt.cell, job, scratch.path()),
      fitting(*attempt.cell, job), job.timed ? Launch::kAlone : Launch::kShared, attempt.place);
  if (run.outcome.outcome == Outcome::kOk && !std::filesystem::exists(artefact_path(job.key))) {
    run.outcome = {Outcome::kCrashed, "no_artefact", "the worker ended well but wrote no artefact"};
  }
  // Without what is said of this attempt and of the artefacts before.
  const std::vector<WorkerReply::Event> events = run.reply.events;
  add_process(attempt, run, "fit");
  if (run.outcome.outcome != Outcome::kOk) {
    attempt.ended = run.outcome;
    if (run.outcome.outcome != Outcome::kInterrupted) failed_fits_[job.key] = run.outcome;
    return std::nullopt;
  }
  FitRecord record{run.reply.metrics, events};
  try {
    monitor_.outside([&] { complete_artefact(job.key, record); });
  } catch (const UserError& error) {  // it is gone already
    attempt.ended = OutcomeReason{Outcome::kCrashed, "file", error.what()};
    return std::nullopt;
  }
  ++fitted_;
  return record;
}

void CellRunner::ensure_artefact(Attempt& attempt) {
  const std::string& key = attempt.cell->artefact_key;
  if (key.empty()) return;
  const std::vector<const FitJob*> links = plan_.links_to(key);
  FitCosts costs;
  for (const FitJob* job : plan_.jobs_for(key)) {
    if (inherits_failure(attempt, *job)) return;
    std::optional<FitRecord> record = cached(*job);
    const bool here = !record;
    if (record) {
      attempt.cached_events.insert(attempt.cached_events.end(), record->events.begin(),
                                   record->events.end());
    } else {
      record = fit(attempt, *job);
    }
    if (!record) return;
    left_.fitted(job->key);
    const bool applied = std::find(links.begin(), links.end(), job) != links.end();
    costs.add(job_name(plan_, *job), *record, applied, here);
  }
  const std::vector<MetricValue> metrics = costs.metrics();
  store_.add_metrics(attempt.id, metrics, definitions_for(kind_of(*attempt.cell), metrics, {}));
}

std::unique_ptr<CellRunner::Scoring> CellRunner::begin_scoring(std::size_t place) {
  auto scoring = std::make_unique<Scoring>();
  scoring->place = place;
  scoring->workers =
      options_.isolated ? std::make_unique<SeparateWorkers>(launcher_) : launcher_.session();
  return scoring;
}

void CellRunner::end_scoring(Scoring& scoring) {
  const std::string problem = monitor_.outside([&] { return scoring.workers->end(); });
  if (!problem.empty()) progress_.step("note: " + problem);
}

OutcomeReason CellRunner::score(Attempt& attempt, Scoring& scoring) {
  const Cell& cell = *attempt.cell;
  ensure_artefact(attempt);
  if (attempt.ended) return finish(attempt, {});
  WorkerRun run = workers_.launch(
      cell, cell_request(plan_, catalogue_, cell, scoring.scratch.path()),
      on_suite("scoring", cell), Launch::kShared, scoring.place, scoring.workers.get());
  add_process(attempt, run, "score");
  attempt.ended = run.outcome;
  if (run.outcome.outcome == Outcome::kOk && run.reply.fingerprint) {
    store_.set_fingerprint(fingerprint_subject(plan_, catalogue_, cell), *run.reply.fingerprint);
  }
  const OutcomeReason outcome = finish(attempt, run.reply.metrics);
  if (is_settled(outcome)) forget_scores(cell);
  return outcome;
}

}  // namespace assay
