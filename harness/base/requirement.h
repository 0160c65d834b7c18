#pragma once
// What a method or a suite asks of a model, as data.

#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// A condition on the model's traits: {"ffn.gated", "==", false}. See traits().
struct Requirement {
  std::string trait;
  std::string op;  ///< "==", "!=", ">=", "<=", "in" (value is an array)
  Json value;
  std::string advice = {};  ///< what helps when it is not met; said behind the reason
};

Json to_json(const std::vector<Requirement>& requirements);
std::vector<Requirement> requirements_from_json(const Json& list);

}  // namespace assay
