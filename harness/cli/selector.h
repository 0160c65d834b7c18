#pragma once
// "wanda" or "wanda:sparsity=0.5,calibration.samples=16": one setting of a method or suite, on a
// command line.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

struct Selector {
  std::string text;  ///< as it was given
  std::string name;
  std::map<std::string, std::string> settings;
  /// True when every setting is a parameter with that value.
  [[nodiscard]] bool fits(const Json& params) const;
};

/// Throws UserError for a part that is not NAME=VALUE.
Selector parse_selector(const std::string& text);

/// For each text of parameters (JSON) the selector of the same name that tells it from the others
/// and says what `selector` asked for.
std::vector<std::string> selectors_of(const Selector& selector,
                                      const std::set<std::string>& params);

}  // namespace assay
