#pragma once
// Values of parameters that are one of a list.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace assay {

/// The enumerator at the name's place in the list. Parameters are checked before, so that another
/// name is a bug: throws std::logic_error.
template <typename Enum>
Enum named_choice(const std::vector<std::string>& names, const std::string& name) {
  const auto place = std::find(names.begin(), names.end(), name);
  if (place == names.end()) throw std::logic_error("'" + name + "' is none of the choices");
  return static_cast<Enum>(place - names.begin());
}

}  // namespace assay
