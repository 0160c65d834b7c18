#include "harness/runner/cell_runner.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/runner/requests.h"
#include "harness/runner/scratch.h"
#include "harness/runner/summaries.h"

namespace assay {
namespace {

std::string metrics_text(const SuiteKindEntry& kind, const std::vector<MetricValue>& values) {
  std::vector<std::string> parts;
  for (const MetricDef& def : kind.metrics) {
    for (const MetricValue& value : values) {
      if (value.tag == def.tag && value.value) {
        parts.push_back(fmt::format("{} {:.5g}{}{}", def.tag, *value.value,
                                    def.unit.empty() ? "" : " ", def.unit));
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

/// The worker leaves a number that is none out of its reply and says so in an event.
void mark_non_finite(WorkerRun& run) {
  if (run.outcome.outcome != Outcome::kOk) return;
  for (const WorkerReply::Event& event : run.reply.events) {
    if (event.code == "non_finite") run.outcome = {Outcome::kNan, event.code, event.text};
  }
}

}  // namespace

CellRunner::CellRunner(const Plan& plan, const Catalogue& catalogue, Store& store,
                       WorkerLauncher& launcher, Progress& progress, std::int64_t experiment,
                       TimingOptions timing)
    : plan_(plan),
      catalogue_(catalogue),
      store_(store),
      launcher_(launcher),
      progress_(progress),
      experiment_(experiment),
      session_(new_uuid()),
      timing_(std::move(timing)),
      idle_since_(monotonic_seconds()) {}

std::string CellRunner::title(const Cell& cell) const {
  return fmt::format("[{}/{}] {}", cell.ordinal + 1, plan_.cells.size(),
                     cell_label(plan_, catalogue_, cell));
}

const SuiteKindEntry& CellRunner::kind_of(const Cell& cell) const {
  return catalogue_.suite_kind(plan_.suite_of(cell).kind);
}

CellRunner::Attempt CellRunner::begin(const Cell& cell, std::optional<std::int64_t> schedule_seed) {
  Attempt attempt;
  attempt.cell = &cell;
  attempt.id = store_.begin_attempt(experiment_, cell.key, session_, schedule_seed);
  attempt.started = monotonic_seconds();
  return attempt;
}

OutcomeReason CellRunner::finish(Attempt& attempt, const std::vector<MetricValue>& shown) {
  const OutcomeReason outcome = attempt.ended.value_or(OutcomeReason{});
  store_.finish_attempt(attempt.id, outcome);
  report(attempt, outcome, shown);
  return outcome;
}

void CellRunner::report(const Attempt& attempt, const OutcomeReason& outcome,
                        const std::vector<MetricValue>& shown) {
  std::string text = fmt::format("{}: {}", title(*attempt.cell), outcome_name(outcome.outcome));
  if (outcome.outcome == Outcome::kOk) {
    text += fmt::format(" {} ({})", metrics_text(kind_of(*attempt.cell), shown),
                        human_seconds(monotonic_seconds() - attempt.started));
  } else {
    if (!outcome.code.empty()) text += fmt::format(" ({})", outcome.code);
    if (!outcome.text.empty()) text += ": " + outcome.text;
  }
  progress_.step(text);
}

OutcomeReason CellRunner::record(const Cell& cell, const OutcomeReason& outcome) {
  Attempt attempt = begin(cell);
  attempt.ended = outcome;
  return finish(attempt, {});
}

WorkerRun CellRunner::launch(const Attempt& attempt, const WorkerRequest& request,
                             const std::string& what, bool count_instructions) {
  const std::string label = fmt::format("{}: {}", title(*attempt.cell), what);
  progress_.live(label);
  WorkerLimits limits = cell_limits(plan_, catalogue_, *attempt.cell);
  limits.count_instructions = count_instructions;
  const double between = monotonic_seconds() - idle_since_;
  WorkerRun run = launcher_.run(request, limits, [&](const auto& report) {
    progress_.live(fmt::format("{} {}/{} {}", label, report.done, report.total, report.what));
  });
  idle_since_ = monotonic_seconds();
  run.process.between_seconds = between;
  return run;
}

void CellRunner::add_process(Attempt& attempt, WorkerRun& run, const std::string& pass) {
  mark_non_finite(run);
  run.process.pass = pass;
  run.process.order = order_++;
  auto& events = run.reply.events;
  events.insert(events.begin(), attempt.cached_events.begin(), attempt.cached_events.end());
  attempt.cached_events.clear();
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

std::optional<FitRecord> CellRunner::fit(Attempt& attempt) {
  const std::string& key = attempt.cell->artefact_key;
  ensure_folder(artefact_path(key).parent_path());
  const ScratchFolder scratch;
  WorkerRun run =
      launch(attempt, fit_request(plan_, catalogue_, *attempt.cell, scratch.path()), "fit");
  if (run.outcome.outcome == Outcome::kOk && !std::filesystem::exists(artefact_path(key))) {
    run.outcome = {Outcome::kCrashed, "no_artefact", "the worker ended well but wrote no artefact"};
  }
  add_process(attempt, run, "fit");
  if (run.outcome.outcome != Outcome::kOk) {
    attempt.ended = run.outcome;
    if (run.outcome.outcome != Outcome::kInterrupted) failed_fits_[key] = run.outcome;
    return std::nullopt;
  }
  FitRecord record{run.reply.metrics, run.reply.events};
  complete_artefact(key, record);
  ++fitted_;
  return record;
}

void CellRunner::ensure_artefact(Attempt& attempt) {
  const std::string& key = attempt.cell->artefact_key;
  if (key.empty()) return;
  const auto failed = failed_fits_.find(key);
  if (failed != failed_fits_.end()) {
    attempt.ended = failed->second;
    return;
  }
  std::optional<FitRecord> record = cached_artefact(key);
  if (record) {
    attempt.cached_events = record->events;
  } else {
    record = fit(attempt);
  }
  if (!record) return;
  store_.add_metrics(attempt.id, record->metrics,
                     definitions_for(kind_of(*attempt.cell), record->metrics, {}));
}

OutcomeReason CellRunner::score(const Cell& cell) {
  Attempt attempt = begin(cell);
  ensure_artefact(attempt);
  if (attempt.ended) return finish(attempt, {});
  const ScratchFolder scratch;
  WorkerRun run = launch(attempt, cell_request(plan_, catalogue_, cell, scratch.path()), "score");
  add_process(attempt, run, "score");
  attempt.ended = run.outcome;
  if (run.outcome.outcome == Outcome::kOk && run.reply.fingerprint) {
    store_.set_fingerprint(fingerprint_subject(plan_, catalogue_, cell), *run.reply.fingerprint);
  }
  return finish(attempt, run.reply.metrics);
}

}  // namespace assay
