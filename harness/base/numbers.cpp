#include "harness/base/numbers.h"

#include <algorithm>

namespace assay {
namespace {

constexpr std::size_t kMostDigits = 15;

bool decimal(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<Amount> amount_from(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  const std::string_view rest = text.substr(end);
  const std::size_t point = number.find('.');
  const std::size_t decimals = point < number.size() ? number.size() - point - 1 : 0;
  if (number.empty() || number.size() > kMostDigits) return std::nullopt;
  if (!decimal(number.front()) || !decimal(number.back())) return std::nullopt;
  const auto value = number_from<double>(number);
  if (!value) return std::nullopt;
  return Amount{*value, decimals, rest.substr(std::min(rest.find_first_not_of(' '), rest.size()))};
}

}  // namespace assay
