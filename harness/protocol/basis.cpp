#include "harness/protocol/basis.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace assay {
namespace {

constexpr std::array<std::pair<Basis, std::string_view>, 6> kNames = {{
    {Basis::kUndeclared, ""},
    {Basis::kExact, "exact"},
    {Basis::kMeasured, "measured"},
    {Basis::kShare, "share"},
    {Basis::kMean, "mean"},
    {Basis::kExpMean, "exp_mean"},
}};

}  // namespace

std::string basis_name(Basis basis) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == basis; });
  return std::string(found->second);
}

Basis basis_from_name(const std::string& name) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.second == name; });
  if (found == kNames.end()) throw std::invalid_argument("unknown basis of a metric: " + name);
  return found->first;
}

bool of_items(Basis basis) {
  return basis == Basis::kShare || basis == Basis::kMean || basis == Basis::kExpMean;
}

}  // namespace assay
