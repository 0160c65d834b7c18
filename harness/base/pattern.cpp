#include "harness/base/pattern.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "harness/base/numbers.h"

namespace assay {
std::optional<Pattern> pattern_from_text(const std::string& text) {
  if (text == "unstructured") return Pattern{};
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto prune = number_from<std::int64_t>(std::string_view(text).substr(0, colon));
  const auto group = number_from<std::int64_t>(std::string_view(text).substr(colon + 1));
  if (!prune || !group || *prune < 1 || *prune >= *group) return std::nullopt;
  return Pattern{*prune, *group};
}

std::string pattern_contradiction(const std::string& text, double sparsity,
                                  double default_sparsity) {
  const auto pattern = pattern_from_text(text);
  if (!pattern || !pattern->structured() || sparsity == default_sparsity) return {};
  if (std::abs(pattern->ratio() - sparsity) < 1e-9) return {};
  return fmt::format("sparsity {} contradicts pattern {}, which removes {}; leave sparsity out",
                     sparsity, text, pattern->ratio());
}

}  // namespace assay
