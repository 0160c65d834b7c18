#pragma once
// The commands of `assay`. Each adds itself to the program and returns nothing; what it does runs
// after the whole command line was read, and its exit code is kept in `result`.

#include <CLI/App.hpp>

#include "harness/base/errors.h"

namespace assay {

/// Where a command leaves its exit code.
struct CommandResult {
  ExitCode code = ExitCode::kOk;
};

void add_run_command(CLI::App& program, CommandResult& result);
void add_plan_command(CLI::App& program, CommandResult& result);
void add_list_command(CLI::App& program, CommandResult& result);
void add_describe_command(CLI::App& program, CommandResult& result);
void add_report_command(CLI::App& program, CommandResult& result);
void add_history_command(CLI::App& program, CommandResult& result);
void add_import_command(CLI::App& program, CommandResult& result);
void add_compare_command(CLI::App& program, CommandResult& result);
void add_check_command(CLI::App& program, CommandResult& result);
void add_speedup_command(CLI::App& program, CommandResult& result);
void add_breakeven_command(CLI::App& program, CommandResult& result);
void add_autotune_command(CLI::App& program, CommandResult& result);
void add_baseline_command(CLI::App& program, CommandResult& result);
void add_reproduce_command(CLI::App& program, CommandResult& result);
void add_data_command(CLI::App& program, CommandResult& result);
void add_model_command(CLI::App& program, CommandResult& result);
/// Below `assay model`.
void add_model_export_command(CLI::App& model);
void add_doctor_command(CLI::App& program, CommandResult& result);
void add_version_command(CLI::App& program, CommandResult& result);

}  // namespace assay
