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

using FlatJson = std::map<std::string, Json>;

/// {"calibration": {"samples": 16}} -> "calibration.samples".
FlatJson flat(const Json& params, const std::string& prefix = "") {
  FlatJson result;
  if (!params.is_object()) return result;
  for (const auto& [name, value] : params.items()) {
    if (value.is_object()) {
      result.merge(flat(value, prefix + name + "."));
    } else {
      result[prefix + name] = value;
    }
  }
  return result;
}

bool differs(const std::vector<FlatJson>& all, const std::string& name) {
  const auto value_in = [&](const FlatJson& one) {
    const auto found = one.find(name);
    return found == one.end() ? Json() : found->second;
  };
  return std::any_of(all.begin(), all.end(),
                     [&](const FlatJson& one) { return value_in(one) != value_in(all.front()); });
}

}  // namespace

bool Selector::fits(const Json& params) const {
  const FlatJson known = flat(params);
  return std::all_of(settings.begin(), settings.end(), [&](const auto& setting) {
    const auto found = known.find(setting.first);
    return found != known.end() && equal(found->second, setting.second);
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

std::vector<std::string> selectors_of(const std::string& name,
                                      const std::set<std::string>& params) {
  std::vector<FlatJson> all;
  for (const std::string& text : params) all.push_back(flat(Json::parse(text)));
  std::vector<std::string> selectors;
  for (const FlatJson& one : all) {
    std::string text = name;
    for (const auto& [key, value] : one) {
      if (differs(all, key)) {
        text += (text == name ? ":" : ",") + key + "=" + text_of(value);
      }
    }
    selectors.push_back(std::move(text));
  }
  return selectors;
}

}  // namespace assay
