#include "harness/base/param_condition.h"

#include <algorithm>
#include <stdexcept>

#include "harness/base/text.h"

namespace assay {
namespace {

std::string written(const Json& value) {
  return value.is_string() ? "'" + value.get<std::string>() + "'" : value.dump();
}

}  // namespace

bool ParamCondition::holds(const Json& params) const {
  return std::all_of(values.items().begin(), values.items().end(), [&](const auto& entry) {
    const auto found = params.find(entry.key());
    return found != params.end() && *found == entry.value();
  });
}

std::string ParamCondition::text() const {
  std::vector<std::string> parts;
  for (const auto& [name, value] : values.items()) parts.push_back(name + " = " + written(value));
  return join(parts, " and ");
}

bool any_holds(const std::vector<ParamCondition>& conditions, const Json& params) {
  return std::any_of(conditions.begin(), conditions.end(),
                     [&](const ParamCondition& condition) { return condition.holds(params); });
}

std::string any_text(const std::vector<ParamCondition>& conditions) {
  std::vector<std::string> texts;
  for (const ParamCondition& condition : conditions) texts.push_back(condition.text());
  return join(texts, ", or ");
}

void require_possible(const std::vector<ParamCondition>& conditions,
                      const std::vector<ParamSpec>& specs) {
  for (const ParamCondition& condition : conditions) {
    for (const auto& [name, value] : condition.values.items()) {
      const auto spec = std::find_if(specs.begin(), specs.end(),
                                     [&, &name = name](const auto& s) { return s.name == name; });
      if (spec == specs.end()) throw std::logic_error("a condition on no parameter: " + name);
      if (const auto problem = value_problem(*spec, value)) {
        throw std::logic_error("a condition on " + name + ": " + *problem);
      }
    }
  }
}

Json to_json(const std::vector<ParamCondition>& conditions) {
  Json list = Json::array();
  for (const ParamCondition& condition : conditions) list.push_back(condition.values);
  return list;
}

std::vector<ParamCondition> param_conditions_from_json(const Json& list) {
  std::vector<ParamCondition> conditions;
  for (const Json& values : list) conditions.push_back({values});
  return conditions;
}

}  // namespace assay
