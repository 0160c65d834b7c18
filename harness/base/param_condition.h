#pragma once
// Conditions on parameters, as data: what a method needs may depend on its settings.

#include <string>
#include <vector>

#include "harness/base/params.h"

namespace assay {

/// Values that parameters must have, all of them: {"algorithm": "rtn"}.
struct ParamCondition {
  Json values = Json::object();
  /// `params`: an object of resolved parameters. 0 and 0.0 are the same.
  [[nodiscard]] bool holds(const Json& params) const;
  /// "algorithm = 'rtn'", "a = 0 and reconstruction = false"
  [[nodiscard]] std::string text() const;
};

/// True when one of them holds.
bool any_holds(const std::vector<ParamCondition>& conditions, const Json& params);
/// Their texts, joined by "or".
std::string any_text(const std::vector<ParamCondition>& conditions);
/// Throws std::logic_error when a condition names a parameter or a value that does not exist: a
/// mistake in the method.
void require_possible(const std::vector<ParamCondition>& conditions,
                      const std::vector<ParamSpec>& specs);

Json to_json(const std::vector<ParamCondition>& conditions);
std::vector<ParamCondition> param_conditions_from_json(const Json& list);

}  // namespace assay
