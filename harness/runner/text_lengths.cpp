#include "harness/runner/text_lengths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/data/prepared_folder.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// Tokens of the longest document.
std::int64_t longest_document(const fs::path& folder) {
  const auto offsets =
      PreparedFolder(folder, "stream").read_array<std::int64_t>("document_offsets.bin");
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    longest = std::max(longest, offsets[i] - offsets[i - 1]);
  }
  return longest;
}

std::int64_t tokens_in(const fs::path& folder) {
  return static_cast<std::int64_t>(PreparedFolder(folder, "stream").count("tokens"));
}

/// Length of the longest text that a sequence may be cut from.
std::int64_t longest_text(const FitJob& job) {
  const fs::path folder = job.calibration_folder;
  if (job.sampling == "documents") return longest_document(folder);
  return tokens_in(folder);
}

std::string calibration_problem(const FitJob& job, const CalibrationChoice& choice) {
  const std::int64_t longest = longest_text(job);
  // A published recipe never takes a text that is exactly as long as the sequence.
  if (longest > job.tokens) return "";
  return fmt::format(
      "calibration asks for sequences of {} tokens, and the longest text of '{}' ({}) has {}; "
      "lower calibration.tokens to at most {}, or choose a longer text",
      job.tokens, choice.dataset, choice.split, longest, std::max<std::int64_t>(longest - 1, 0));
}

std::string training_problem(const FitJob& job, const TrainingChoice& choice) {
  const std::int64_t asked = std::max<std::int64_t>(choice.samples, 1);
  const std::int64_t windows = tokens_in(job.training_folder) / job.training_tokens;
  if (windows >= asked) return "";
  return fmt::format(
      "training asks for {} windows of {} tokens, and '{}' ({}) has {}; lower training.samples or "
      "training.tokens, or choose a longer text",
      asked, job.training_tokens, choice.dataset, choice.split, windows);
}

}  // namespace

void check_text_lengths(const Plan& plan) {
  std::set<std::string> problems;
  const auto add = [&](const MethodChoice& method, const std::string& problem) {
    if (problem.empty()) return;
    problems.insert(fmt::format("{}: method '{}': {}", method.place.text(), method.id, problem));
  };
  for (const auto& [key, job] : plan.fits) {
    const MethodChoice& method = plan.method_of(job);
    const bool on_text = !job.calibration_folder.empty() && !method.calibration->on_items();
    if (on_text) {
      add(method, calibration_problem(job, *method.calibration));
    }
    if (job.training_tokens > 0) add(method, training_problem(job, *method.training));
  }
  if (!problems.empty())
    throw UserError(std::vector<std::string>(problems.begin(), problems.end()));
}

}  // namespace assay
