#pragma once
// A search from start to end, with a log on disk that it resumes from.
//
// The log is `search.jsonl` in the given folder (docs/search.md). Resuming is repeating: a fresh
// searcher is asked and told as it was before, and the log answers instead of evaluate().

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "harness/search/searcher.h"

namespace assay::search {

/// What an evaluation gives.
struct Answer {
  Answer() = default;
  /// Implicit: an evaluation without details returns its objectives.
  Answer(const Objectives& given, Json more = nullptr)
      : objectives(given), details(std::move(more)) {}
  Objectives objectives{};
  Json details;  ///< kept in the log as it is; anything finite, null for none
};

struct Evaluation {
  Point point;
  double fidelity = 1;
  Objectives objectives{};  ///< as evaluate() gave them, also where they are not finite
  double seconds = 0;       ///< of the evaluation, by the clock; of the first time when resumed
  Json details = {};
};

struct SearchTask {
  const Space* space = nullptr;
  std::string searcher;
  SearcherSettings settings;
  /// What else an evaluation depends on: model, data, method's parameters. Part of the log's
  /// identity.
  Json identity;
  std::filesystem::path folder;  ///< is created; empty: no log
  /// What it throws ends the search and comes through; the log holds what was before.
  std::function<Answer(const Asked&)> evaluate;
  /// After every evaluation, also of those out of the log; `spent` of the budget.
  std::function<void(const Evaluation&, double spent)> on_evaluation;
};

struct SearchResult {
  std::vector<Evaluation> evaluations;  ///< in the order in which they were asked, each pair of
                                        ///< point and fidelity once
  /// Indices of evaluations with all data and finite objectives that no other such one dominates,
  /// by ascending size (the second objective), then order.
  std::vector<std::size_t> front;
  std::vector<Remark> remarks;
  double spent = 0;          ///< sum of the fidelities
  std::size_t repeated = 0;  ///< asks that were answered from the record
  std::size_t resumed = 0;   ///< evaluations that came from the log
};

/// Runs until the budget is spent or the searcher only repeats itself (remark
/// "search_exhausted"). Throws UserError for a bad space, settings or a log of another search or
/// that is damaged, MachineError for a place that cannot be written, and what evaluate() throws.
SearchResult run_search(const SearchTask& task);

/// The front of these evaluations, as in SearchResult.
std::vector<std::size_t> front_of(const std::vector<Evaluation>& evaluations);

/// Asks in a row that the record answers before the search ends.
inline constexpr int kMostRepeats = 1000;

}  // namespace assay::search
