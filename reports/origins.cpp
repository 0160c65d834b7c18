#include "reports/origins.h"

#include <fmt/format.h>

#include <set>

namespace assay {

void set_origins(std::vector<ResultRow>& rows, const std::map<std::string, std::string>& files) {
  for (ResultRow& row : rows) {
    const auto found = files.find(row.cell_key);
    if (found != files.end()) row.origin = found->second;
  }
}

std::vector<std::string> origin_lines(const std::vector<ResultRow>& rows) {
  std::map<std::string, std::set<std::string>> cells;
  std::set<std::string> all;
  for (const ResultRow& row : rows) {
    all.insert(row.cell_key);
    if (!row.origin.empty()) cells[row.origin].insert(row.cell_key);
  }
  std::vector<std::string> lines;
  for (const auto& [file, keys] : cells) {
    lines.push_back(
        fmt::format("{} of {} cell{} came out of the file {}, and {} not measured into "
                    "this database.",
                    keys.size(), all.size(), all.size() == 1 ? "" : "s", file,
                    keys.size() == 1 ? "was" : "were"));
  }
  return lines;
}

}  // namespace assay
