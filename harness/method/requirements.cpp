#include "harness/method/requirements.h"

#include <algorithm>
#include <stdexcept>

namespace assay {
namespace {

std::string in_words(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string list_in_words(const Json& values) {
  std::string text;
  for (const Json& value : values) text += (text.empty() ? "" : ", ") + in_words(value);
  return text;
}

bool holds(const std::string& op, const Json& found, const Json& wanted) {
  if (op == "==") return found == wanted;
  if (op == "!=") return found != wanted;
  if (op == ">=") return found.is_number() && found >= wanted;
  if (op == "<=") return found.is_number() && found <= wanted;
  if (op == "in") return std::find(wanted.begin(), wanted.end(), found) != wanted.end();
  throw std::logic_error("unknown operator '" + op + "' in a requirement");
}

std::string demand(const std::string& op, const Json& wanted) {
  if (op == "==") return "must be " + in_words(wanted);
  if (op == "!=") return "must not be " + in_words(wanted);
  if (op == ">=") return "must be at least " + in_words(wanted);
  if (op == "<=") return "must be at most " + in_words(wanted);
  return "must be one of " + list_in_words(wanted);
}

}  // namespace

std::string requirement_problem(const std::string& trait, const std::string& op, const Json& value,
                                const Json& traits) {
  const auto found = traits.find(trait);
  const Json have = found == traits.end() ? Json() : *found;
  if (holds(op, have, value) && found != traits.end()) return {};
  const std::string model =
      found == traits.end() ? "this model does not say" : "this model: " + in_words(have);
  return trait + " " + demand(op, value) + " (" + model + ")";
}

std::vector<std::string> unmet_requirements(const std::vector<Requirement>& requirements,
                                            const Json& traits) {
  std::vector<std::string> problems;
  for (const Requirement& one : requirements) {
    std::string problem = requirement_problem(one.trait, one.op, one.value, traits);
    if (problem.empty()) continue;
    if (!one.advice.empty()) problem += ": " + one.advice;
    problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace assay
