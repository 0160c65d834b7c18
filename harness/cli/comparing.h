#pragma once
// What `compare` and `check` share: options of the rules, outputs, and how sides are named.

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/judge/comparison.h"
#include "harness/store/store.h"

namespace assay {

/// Options as they are written on the command line: percents and points.
struct CompareArguments {
  double threshold = 10, points = 1, quality = 1, size = 1, floor = -1;
  double alpha = 0.01, alpha_items = 0.05;
  std::vector<std::string> metrics, waive;
  bool json = false, allow_ambiguous = false, only_common = false, absolute = false;
  std::string markdown, junit;
  PrintChoice print;
};

void add_compare_options(CLI::App& command, CompareArguments& arguments);

/// Throws UserError for negative or impossible values.
Rules rules_of(const CompareArguments& arguments);

/// Without --floor: the largest noise floor that `assay doctor --db` kept in this database for a
/// profile of these cells (the newest examination of each), if any.
void use_measured_floor(Rules& rules, const Store& store, const std::vector<CellRecord>& cells);

/// Says of rows that fresh processes did not confirm that they are not confirmed.
void note_unconfirmed(Comparison& comparison);

/// Applies --waive, prints the comparison, writes the files asked for, and leaves the exit code in
/// `result`.
void finish_comparison(Comparison& comparison, const CompareArguments& arguments,
                       CommandResult& result);

/// The experiment asked for; else the only one. Throws UserError where there are several.
std::string only_experiment(const Store& store, const std::string& asked,
                            const std::string& database);

/// The cells of one method of an experiment: "wanda", or "wanda:sparsity=0.5,pattern=2:4" where it
/// has several settings. Throws UserError when none or several settings fit.
std::vector<CellRecord> cells_of_method(const std::vector<CellRecord>& cells,
                                        const std::string& selector);

}  // namespace assay
