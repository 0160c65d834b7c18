#include "harness/runner/calibration_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// Tokens of the longest document, from the int64 offsets of all of them.
std::int64_t longest_document(const fs::path& offsets_file) {
  const std::string bytes = read_text_file(offsets_file);
  std::vector<std::int64_t> offsets(bytes.size() / sizeof(std::int64_t));
  if (!offsets.empty()) {
    std::memcpy(offsets.data(), bytes.data(), offsets.size() * sizeof(std::int64_t));
  }
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    longest = std::max(longest, offsets[i] - offsets[i - 1]);
  }
  return longest;
}

/// Length of the longest text that a sequence may be cut from.
std::int64_t longest_text(const FitJob& job) {
  const fs::path folder = job.calibration_folder;
  if (job.sampling == "documents") return longest_document(folder / "document_offsets.bin");
  return read_json_file(folder / "manifest.json").at("tokens").get<std::int64_t>();
}

}  // namespace

void check_calibration_texts(const Plan& plan) {
  std::set<std::string> problems;
  for (const auto& [key, job] : plan.fits) {
    if (job.calibration_folder.empty()) continue;
    const std::int64_t longest = longest_text(job);
    // A published recipe never takes a text that is exactly as long as the sequence.
    if (longest > job.tokens) continue;
    const MethodChoice& method = plan.method_of(job);
    problems.insert(fmt::format(
        "{}: method '{}': calibration asks for sequences of {} tokens, and the longest text of "
        "'{}' ({}) has {}; lower calibration.tokens to at most {}, or choose a longer text",
        method.place.text(), method.id, job.tokens, method.calibration->dataset,
        method.calibration->split, longest, std::max<std::int64_t>(longest - 1, 0)));
  }
  if (!problems.empty())
    throw UserError(std::vector<std::string>(problems.begin(), problems.end()));
}

}  // namespace assay
