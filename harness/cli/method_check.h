#pragma once
// The conformance kit over a method, in a worker of its own.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

struct CheckLimits {
  double timeout_s = 600;
  std::uint64_t memory_bytes = std::uint64_t{8} << 30;  ///< address space
};

/// One check of the kit, over all cases and models.
struct CheckRow {
  std::string name, meaning;
  std::int64_t held = 0;              ///< how often
  std::vector<std::string> problems;  ///< "gated_decoder: case {...}: ..."
};

struct MethodReport {
  std::string method;
  std::string plugin;              ///< file; "" for a built-in
  std::vector<CheckRow> checks;    ///< of the kit, in its order
  std::vector<std::string> other;  ///< what it did beside: how its process ended, what it printed
  std::vector<std::string> left_out;
  std::int64_t tried = 0;
  double seconds = 0;
  [[nodiscard]] bool passed() const;
};
Json to_json(const MethodReport& report);

/// `cases`: conformance.json of a built-in method; "" for what its plug-in carries. Throws
/// UserError where there are no cases, Interrupted, and MachineError when the worker cannot be
/// started.
MethodReport check_method_in_worker(const std::string& method, const std::filesystem::path& cases,
                                    const CheckLimits& limits, std::stop_token stop);

}  // namespace assay
