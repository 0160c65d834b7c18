#include "harness/tune/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/text.h"

namespace assay::tune {
std::vector<Setting> settings_of(const std::vector<const ResultRow*>& rows) {
  std::set<Setting> settings;
  for (const ResultRow* row : rows) settings.insert({row->method, row->params});
  return {settings.begin(), settings.end()};
}

bool has_method_of(const ChainParameters& parameters, const std::vector<Axis>& axes) {
  return std::ranges::any_of(axes, [&](const Axis& axis) {
    const std::string prefix = axis.name.substr(0, axis.name.find('.') + 1);
    const auto next = parameters.lower_bound(prefix);
    return next != parameters.end() && next->first.starts_with(prefix);
  });
}

Wanted::Wanted(const std::string& text) : text_(text), name_(text.substr(0, text.find('='))) {
  if (name_.size() == text.size() || name_.find('.') == std::string::npos) {
    throw UserError(fmt::format("--where {}: give METHOD.PARAMETER=VALUE", text));
  }
  const std::string value = text.substr(name_.size() + 1);
  value_ = try_parse_json(value);
  if (value_.is_discarded()) value_ = value;
}

bool Wanted::known(const ChainParameters& parameters) const { return parameters.contains(name_); }

bool Wanted::fits(const ChainParameters& parameters) const {
  const auto found = parameters.find(name_);
  return found == parameters.end() || found->second == value_;
}

std::string chain_text(const Setting& setting) {
  std::vector<std::string> methods{setting.method};
  const Json document = try_parse_json(setting.params);
  if (document.is_object()) {
    for (const Json& link : document.value("then", Json::array())) {
      methods.push_back(link.value("id", std::string("?")));
    }
  }
  return join(methods, ", ");
}

std::string difference_text(const Setting& a, const Setting& b) {
  const ChainParameters one = chain_parameters(a.method, a.params);
  const ChainParameters other = chain_parameters(b.method, b.params);
  std::vector<std::string> parts;
  for (const auto& [name, value] : one) {
    const auto found = other.find(name);
    if (found == other.end() || found->second == value) continue;
    parts.push_back(fmt::format("{} {} or {}", name, value.dump(), found->second.dump()));
  }
  if (!parts.empty()) return join(parts, "; ");
  return fmt::format("{} or {}", chain_text(a), chain_text(b));
}

}  // namespace assay::tune
