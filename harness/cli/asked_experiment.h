#pragma once
// An experiment of a file or of options, for the commands that take both.

#include <CLI/App.hpp>
#include <string>

#include "harness/config/experiment_text.h"

namespace assay {

struct ExperimentArguments {
  std::string file;
  AskedExperiment asked;
  std::string save;  ///< where the options' experiment is written to as a file; "": nowhere
  /// The file, or "the command line", for messages.
  [[nodiscard]] std::string shown() const;
};

/// The file, and --model, --method, --suite and their like instead of it.
void add_experiment_options(CLI::App& command, ExperimentArguments& arguments);

/// Reads what is asked for; of options says on standard error what was added to them. Throws
/// UserError for both or neither, where --save would replace a file, and as reading does.
Experiment asked_experiment(const ExperimentArguments& arguments, const Catalogue& catalogue);

/// Writes the file of --save, where there is one: call when the plan is accepted.
void save_experiment(const ExperimentArguments& arguments, const Catalogue& catalogue);

}  // namespace assay
