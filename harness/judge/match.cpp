#include "harness/judge/match.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace assay {
namespace {

/// What must agree for a pair; later levels ask for less.
struct Level {
  bool params, place, model;  ///< parameters of method and suite; profile and seed; the model
  bool key = false;           ///< everything that decides a value
};
constexpr std::array<Level, 5> kLevels = {{
    {.params = true, .place = true, .model = true, .key = true},
    {.params = true, .place = true, .model = true},
    {.params = true, .place = true, .model = false},
    {.params = true, .place = false, .model = false},
    {.params = false, .place = false, .model = false},
}};

/// What may differ between two sides that answer one question, as paths of the key document.
constexpr std::array kFree = {"method.source", "method.version", "processes_per_arm", "sampling"};

std::string pointer_of(std::string path) {
  std::ranges::replace(path, '.', '/');
  return "/" + path;
}

std::string identity(const CellRecord& cell, const Level& level, bool across_methods) {
  if (level.key && !across_methods) return cell.cell_key;
  Json parts = {cell.suite};
  if (!across_methods) parts.push_back(cell.method);
  if (!across_methods && level.params) parts.push_back(cell.params);
  if (level.params) parts.push_back(cell.suite_params);
  if (level.place) parts.push_back({cell.profile, cell.seed});
  if (level.model) parts.push_back(cell.model);
  return parts.dump();
}

using Unmatched = std::multimap<std::string, const CellRecord*>;

Unmatched unmatched_of(const std::vector<CellRecord>& cells,
                       const std::set<const CellRecord*>& done, const Level& level,
                       bool across_methods) {
  Unmatched side;
  for (const CellRecord& cell : cells) {
    if (!done.contains(&cell)) side.emplace(identity(cell, level, across_methods), &cell);
  }
  return side;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "nothing";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  const bool hash = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
  return hash ? text.substr(0, 12) : text;
}

void collect(const Json& a, const Json& b, const std::string& path,
             const std::set<std::string>& free, std::vector<std::string>& differences) {
  if (free.contains(path) || a == b) return;
  if (!a.is_object() || !b.is_object()) {
    differences.push_back(fmt::format("{}: {} against {}", path, shown(a), shown(b)));
    return;
  }
  std::set<std::string> names;
  for (const auto& [name, value] : a.items()) names.insert(name);
  for (const auto& [name, value] : b.items()) names.insert(name);
  for (const std::string& name : names) {
    collect(a.value(name, Json()), b.value(name, Json()), path.empty() ? name : path + "." + name,
            free, differences);
  }
}

}  // namespace

std::vector<CellPair> match_cells(const std::vector<CellRecord>& a,
                                  const std::vector<CellRecord>& b, bool across_methods) {
  std::map<const CellRecord*, const CellRecord*> partner;
  std::set<const CellRecord*> done;
  for (const Level& level : kLevels) {
    const Unmatched left = unmatched_of(a, done, level, across_methods);
    const Unmatched right = unmatched_of(b, done, level, across_methods);
    for (const auto& [key, cell] : left) {
      if (left.count(key) != 1 || right.count(key) != 1) continue;
      const CellRecord* other = right.find(key)->second;
      partner[cell] = other;
      done.insert({cell, other});
    }
  }
  std::vector<CellPair> pairs;
  for (const CellRecord& cell : a) {
    const auto found = partner.find(&cell);
    pairs.push_back({&cell, found == partner.end() ? nullptr : found->second});
  }
  for (const CellRecord& cell : b) {
    if (!done.contains(&cell)) pairs.push_back({nullptr, &cell});
  }
  return pairs;
}

std::string question_of(const Json& key_doc) {
  Json question = key_doc;
  for (const char* path : kFree) {
    const Json::json_pointer place(pointer_of(path));
    if (!question.contains(place)) continue;
    question.at(place.parent_pointer()).erase(place.back());
  }
  return canonical_json(question);
}

std::vector<std::string> key_differences(const Json& a, const Json& b, bool across_methods) {
  std::set<std::string> free(kFree.begin(), kFree.end());
  if (across_methods) free.insert({"method", "calibration"});
  std::vector<std::string> differences;
  collect(a, b, "", free, differences);
  return differences;
}

}  // namespace assay
