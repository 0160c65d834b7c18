#pragma once
// "wanda" or "wanda:sparsity=0.5,pattern=2:4": one setting of a method or suite, on a command line.

#include <map>
#include <string>

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

}  // namespace assay
