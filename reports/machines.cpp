#include "reports/machines.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace assay {
namespace {

/// Keys of timed cells, by machine.
std::map<std::string, std::set<std::string>> timed_cells(const std::vector<ResultRow>& rows) {
  std::map<std::string, std::set<std::string>> cells;
  for (const ResultRow& row : rows) {
    if (row.timed && !row.machine.empty()) cells[row.machine].insert(row.cell_key);
  }
  return cells;
}

std::string name_of(const ExperimentResults& results, const std::string& machine) {
  const auto known = results.machines.find(machine);
  return known == results.machines.end() ? machine : fmt::format("{}: {}", machine, known->second);
}

}  // namespace

std::vector<std::string> machine_lines(const ExperimentResults& results) {
  const auto cells = timed_cells(results.rows);
  std::vector<std::string> lines;
  for (const auto& [machine, keys] : cells) {
    const std::string name = name_of(results, machine);
    lines.push_back(cells.size() == 1
                        ? fmt::format("Times are of machine {}.", name)
                        : fmt::format("Times of {} cell{} are of machine {}.", keys.size(),
                                      keys.size() == 1 ? "" : "s", name));
  }
  return lines;
}

std::vector<Remark> machine_remarks(const ExperimentResults& results) {
  const auto cells = timed_cells(results.rows);
  std::vector<Remark> remarks;
  if (cells.size() < 2) return remarks;
  for (const auto& [machine, keys] : cells) {
    const std::string text =
        fmt::format("timed on machine {}, other cells on another; compare only ratios to dense",
                    name_of(results, machine));
    for (const std::string& key : keys) {
      remarks.push_back({key, "warning", "machine_differs", text, 0, 0});
    }
  }
  return remarks;
}

}  // namespace assay
