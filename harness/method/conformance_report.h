#pragma once
// What the conformance kit looked at and found.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace assay {

/// What is checked; check_name() and check_meaning() have the words.
enum class ConformanceCheck {
  kInfo,
  kIdentity,
  kNeeds,
  kFolder,
  kModel,
  kSeed,
  kThreads,
  kArtefact,
  kReload,
  kFinite,
  kSparsity,
  kNamed,
  kMemory,
  kBatch,
  kDecode,
  kItems,
  kScratch,
  kReasons,
  kChain,
};

/// In the order above.
const std::vector<ConformanceCheck>& conformance_checks();
/// "seed"
const char* check_name(ConformanceCheck check);
/// "the same seed gives the same artefact"
const char* check_meaning(ConformanceCheck check);

/// One check of one case.
struct CheckedFact {
  ConformanceCheck check = ConformanceCheck::kInfo;
  std::string subject;  ///< "magnitude: case {...}"
  std::string problem;  ///< one sentence; "" when it holds
};

struct ConformanceReport {
  std::vector<std::string> problems;  ///< one sentence each; empty = conforms
  /// Cases, or chains, that do not apply to this model, each with the reasons that it gave.
  std::vector<std::string> left_out;
  std::int64_t tried = 0;  ///< the cases, or chains, that were run
};

/// Told as the kit goes on, so that what ends the program does not take the rest along. Either may
/// be empty.
struct ConformanceWatch {
  std::function<void(const std::string& subject)> begins = {};
  std::function<void(const CheckedFact&)> checked = {};
};

}  // namespace assay
