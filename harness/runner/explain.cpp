#include "harness/runner/explain.h"

#include <fmt/format.h>

#include <set>

#include "harness/runner/artefacts.h"
#include "harness/runner/runner.h"

namespace assay {
namespace {

constexpr std::size_t kShownCharacters = 16;

std::string short_value(const Json* value) {
  if (value == nullptr) return "absent";
  std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  return text.size() > kShownCharacters ? text.substr(0, kShownCharacters) + ".." : text;
}

/// The fewest differences from any measured cell of the method and suite.
std::vector<std::string> nearest_differences(const Plan& plan, const Store& store,
                                             const Cell& cell) {
  std::vector<std::string> nearest;
  for (const Json& document :
       store.measured_keys(plan.method_of(cell).id, plan.suite_of(cell).id)) {
    std::vector<std::string> fields = differing_fields(document, cell.key_doc);
    if (!fields.empty() && (nearest.empty() || fields.size() < nearest.size())) {
      nearest = std::move(fields);
    }
  }
  return nearest;
}

std::string why_to_run(const Plan& plan, const Store* store, const Cell& cell) {
  if (store == nullptr) return "never measured";
  const auto stored = store->final_outcome(cell.key);
  if (stored && stored->outcome == Outcome::kInterrupted) return "was interrupted";
  const std::vector<std::string> fields = nearest_differences(plan, *store, cell);
  if (fields.empty()) return "never measured";
  const std::string more = fields.size() > 1 ? fmt::format(" and {} more", fields.size() - 1) : "";
  return fmt::format("the nearest measured cell differs in {}{}", fields.front(), more);
}

}  // namespace

std::vector<std::string> differing_fields(const Json& before, const Json& now) {
  const Json old_fields = before.flatten();
  const Json new_fields = now.flatten();
  std::set<std::string> names;
  for (const auto& [name, value] : old_fields.items()) names.insert(name);
  for (const auto& [name, value] : new_fields.items()) names.insert(name);
  std::vector<std::string> differences;
  for (const std::string& name : names) {
    const Json* before_value = old_fields.contains(name) ? &old_fields[name] : nullptr;
    const Json* new_value = new_fields.contains(name) ? &new_fields[name] : nullptr;
    if (before_value != nullptr && new_value != nullptr && *before_value == *new_value) continue;
    differences.push_back(fmt::format("{}: {} -> {}", name.substr(name.find_first_not_of('/')),
                                      short_value(before_value), short_value(new_value)));
  }
  return differences;
}

CellExplanation explain_cell(const Plan& plan, const Store* store, const Cell& cell) {
  CellExplanation result;
  if (!cell.artefact_key.empty() && !cell.unmet) {
    result.artefact = cached_artefact(cell.artefact_key) ? "cached" : "to fit";
  }
  const auto stored = store == nullptr ? std::nullopt : store->final_outcome(cell.key);
  if (stored && is_final(stored->outcome)) {
    result.action = "stored";
    result.status = outcome_name(stored->outcome);
    result.why = stored->text.empty() ? "an attempt with this key is stored" : stored->text;
  } else if (cell.unmet) {
    result.action = "unmet";
    result.why = cell.unmet->text;
  } else {
    result.action = "run";
    result.why = why_to_run(plan, store, cell);
  }
  return result;
}

}  // namespace assay
