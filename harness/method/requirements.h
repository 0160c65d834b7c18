#pragma once
// Whether a model meets what a method or a suite asks. Free of LibTorch: the planner checks it
// before anything is loaded.

#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/requirement.h"

namespace assay {

/// One unmet condition in words ("ffn.gated must be false (this model: true)"), or "" when it
/// holds. Operators: "==", "!=", ">=", "<=", "in" (value is an array). A trait the model does not
/// have is unmet. Throws std::logic_error for an unknown operator: a mistake in the method.
std::string requirement_problem(const std::string& trait, const std::string& op, const Json& value,
                                const Json& traits);

/// Problems of all requirements, each with its advice; empty = all are met.
std::vector<std::string> unmet_requirements(const std::vector<Requirement>& requirements,
                                            const Json& traits);

}  // namespace assay
