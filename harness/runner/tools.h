#pragma once
// The programs beside `assay`: the worker, and the Python tools that prepare data and models.

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// $ASSAY_WORKER, else assay-worker beside the running program. Throws MachineError when missing.
std::filesystem::path worker_program();

/// A program of PATH; never one of the current folder, whatever PATH says.
std::optional<std::filesystem::path> program_in_path(const std::string& name);

/// What a worker may see: the listed variables, not whatever the caller has.
std::vector<std::string> worker_environment();

struct WorkerDescription {
  Json document;     ///< what `assay-worker --describe` printed
  std::string hash;  ///< SHA-256 of the worker's file
};

/// With the plug-ins of this command. Remembered as harness/base/hash_cache.h says, because
/// starting LibTorch takes longer than a listing may. Throws UserError for a plug-in that the
/// worker refuses, MachineError when it does not answer.
WorkerDescription describe_worker();

/// $ASSAY_PYTHON, else the interpreter that the build was configured with. Throws MachineError with
/// the remedy when there is none.
std::filesystem::path python_program();

/// Runs the Python tools, isolated from the caller's folder, packages and PYTHON* variables, and
/// returns the JSON object of their last line. Paths among the arguments must be absolute. Lines
/// that they write to standard error meanwhile are their own; the last one becomes the message of
/// the UserError (exit 2) or MachineError (any other failure). Throws Interrupted when stopped.
/// `on_progress` gets the object `progress` of each line before the last that has one.
Json run_python_tool(const std::vector<std::string>& arguments, std::stop_token stop = {},
                     const std::function<void(const Json&)>& on_progress = {});

/// SHA-256 over the sources of the Python tools: the version of every recipe.
std::string python_tools_hash();

}  // namespace assay
