#include "harness/cli/selector.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"

namespace assay {
namespace {

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Numbers are equal by value: 0.50 is 0.5.
bool equal(const Json& value, const std::string& wanted) {
  if (text_of(value) == wanted) return true;
  const Json number = Json::parse(wanted, nullptr, false);
  return value.is_number() && number.is_number() && value == number;
}

}  // namespace

bool Selector::fits(const Json& params) const {
  return std::all_of(settings.begin(), settings.end(), [&](const auto& setting) {
    return params.contains(setting.first) && equal(params.at(setting.first), setting.second);
  });
}

Selector parse_selector(const std::string& text) {
  Selector selector{text, text.substr(0, text.find(':')), {}};
  std::size_t start = std::min(text.size(), selector.name.size() + 1);
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::string part = text.substr(start, end - start);
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UserError(fmt::format("'{}': '{}' is not NAME=VALUE", text, part));
    }
    selector.settings[part.substr(0, equals)] = part.substr(equals + 1);
    start = end + 1;
  }
  return selector;
}

}  // namespace assay
