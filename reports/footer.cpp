#include "reports/footer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "reports/cells.h"
#include "reports/machines.h"
#include "reports/measuring_lines.h"
#include "reports/origins.h"

namespace assay {
namespace {

/// Profiles under which something was timed.
std::set<std::string> timed_profiles(const std::vector<ResultRow>& rows) {
  std::set<std::string> profiles;
  for (const ResultRow& row : rows) {
    if (is_speed(row) && row.profile != kImportedProfile) profiles.insert(row.profile);
  }
  return profiles;
}

/// The examination's noise floors, by kind of work.
std::string floors_text(const Json& check) {
  std::string text;
  const Json comparisons = check.value("against_itself", Json::array());
  for (const Json& comparison : comparisons) {
    if (!comparison.is_object() || !comparison.contains("noise_floor")) continue;
    text += fmt::format("{}{:.1f} % ({})", text.empty() ? "" : ", ",
                        100 * comparison.value("noise_floor", 0.0), comparison.value("work", ""));
  }
  return text;
}

std::string floor_line(const std::string& profile, const std::vector<Json>& checks) {
  for (const Json& check : checks) {
    if (!check.is_object() || check.value("profile", "") != profile) continue;
    const std::string floors = floors_text(check);
    if (floors.empty()) break;
    return fmt::format("Noise floor of profile {}: {}; smaller differences of times mean nothing.",
                       profile, floors);
  }
  return fmt::format(
      "Noise floor of profile {}: not measured; `assay doctor --profile {} --db "
      "FILE` measures it.",
      profile, profile);
}

}  // namespace

std::vector<std::string> footer_lines(const ExperimentResults& results) {
  std::vector<std::string> lines = origin_lines(results.rows);
  for (std::string& line : machine_lines(results)) lines.push_back(std::move(line));
  for (const std::string& profile : timed_profiles(results.rows)) {
    lines.push_back(floor_line(profile, results.machine_checks));
  }
  if (results.overhead) lines.push_back(overhead_line(*results.overhead));
  return lines;
}

}  // namespace assay
