#include "harness/config/limits.h"

#include <fmt/format.h>

#include "harness/base/text.h"

namespace assay {

std::string too_many(const std::vector<Factor>& factors, const std::string& product) {
  // Of six counts of vectors: exact as far as anybody reads it, and without an end to run over.
  double all = 1;
  std::vector<std::string> parts;
  for (const Factor& factor : factors) {
    all *= static_cast<double>(factor.count);
    parts.push_back(fmt::format("{} {}", factor.count, factor.what));
  }
  if (all <= static_cast<double>(kMostCells)) return "";
  const std::string number = all < 1e15 ? fmt::format("{:.0f}", all) : fmt::format("{:.3g}", all);
  const std::string sum = parts.size() > 1 ? fmt::format(" = {} {}", number, product) : "";
  return fmt::format("makes {}{}; allowed: at most {}", join(parts, " x "), sum, kMostCells);
}

}  // namespace assay
