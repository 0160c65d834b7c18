#include "harness/cli/selector.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "reports/labels.h"

namespace assay {
namespace {

/// Numbers are equal by value: 0.50 is 0.5.
bool equal(const std::string& value, const std::string& wanted) {
  if (value == wanted) return true;
  const Json a = try_parse_json(value), b = try_parse_json(wanted);
  return a.is_number() && b.is_number() && a == b;
}

bool differs(const std::vector<FlatParameters>& all, const std::string& name) {
  const auto value_in = [&](const FlatParameters& one) {
    const auto found = one.find(name);
    return found == one.end() ? "" : found->second;
  };
  return std::any_of(all.begin(), all.end(), [&](const FlatParameters& one) {
    return value_in(one) != value_in(all.front());
  });
}

/// The next comma that is not inside a list.
std::size_t end_of_part(const std::string& text, std::size_t start) {
  int depth = 0;
  for (std::size_t i = start; i < text.size(); ++i) {
    depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    if (text[i] == ',' && depth <= 0) return i;
  }
  return text.size();
}

}  // namespace

bool Selector::fits(const Json& params) const {
  const FlatParameters known = flat_parameters(params.dump());
  return std::all_of(settings.begin(), settings.end(), [&](const auto& setting) {
    const auto found = known.find(setting.first);
    return found != known.end() && equal(found->second, setting.second);
  });
}

Selector parse_selector(const std::string& text) {
  Selector selector{text, text.substr(0, text.find(':')), {}};
  std::size_t start = std::min(text.size(), selector.name.size() + 1);
  while (start < text.size()) {
    const std::size_t end = end_of_part(text, start);
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

std::vector<std::string> selectors_of(const Selector& selector,
                                      const std::set<std::string>& params) {
  std::vector<FlatParameters> all;
  for (const std::string& text : params) all.push_back(flat_parameters(text));
  std::vector<std::string> selectors;
  for (const FlatParameters& one : all) {
    std::string text = selector.name;
    for (const auto& [key, value] : one) {
      if (!differs(all, key) && !selector.settings.contains(key)) continue;
      text += (text == selector.name ? ":" : ",") + key + "=" + value;
    }
    selectors.push_back(std::move(text));
  }
  return selectors;
}

}  // namespace assay
