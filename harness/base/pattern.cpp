#include "harness/base/pattern.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

namespace assay {
namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Pattern> pattern_from_text(const std::string& text) {
  if (text == "unstructured") return Pattern{};
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto prune = whole_number(std::string_view(text).substr(0, colon));
  const auto group = whole_number(std::string_view(text).substr(colon + 1));
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
