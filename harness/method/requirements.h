#pragma once
// What a method asks of a model, as data. Free of LibTorch: the planner checks it before anything
// is loaded.

#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// One unmet condition in words ("ffn.gated must be false (this model: true)"), or "" when it
/// holds. Operators: "==", "!=", ">=", "<=", "in" (value is an array). A trait the model does not
/// have is unmet. Throws std::logic_error for an unknown operator: a mistake in the method.
std::string requirement_problem(const std::string& trait, const std::string& op, const Json& value,
                                const Json& traits);

/// Problems of all requirements; empty = the method applies. `Entries` is any range of structs
/// with the members trait, op and value.
template <typename Entries>
std::vector<std::string> unmet_requirements(const Entries& requirements, const Json& traits) {
  std::vector<std::string> problems;
  for (const auto& entry : requirements) {
    std::string problem = requirement_problem(entry.trait, entry.op, entry.value, traits);
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace assay
