#include "harness/config/setting_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "harness/base/errors.h"
#include "harness/config/toml_value.h"

namespace assay {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

bool is_key_character(char c) {
  return is_letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
         c == '.';
}

/// A key of TOML without quotes, perhaps with dots.
bool is_key(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_key_character) && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos;
}

/// What of a text stands outside of its quotes and brackets.
class Outside {
 public:
  /// Call for each character in turn.
  bool take(char c) {
    if (quote_ != 0) {
      if (c == quote_ && !escaped_) quote_ = 0;
      escaped_ = quote_ == '"' && c == '\\' && !escaped_;
      return false;
    }
    if (c == '"' || c == '\'') quote_ = c;
    if (c == '[' || c == '{') ++depth_;
    if (c == ']' || c == '}') --depth_;
    return depth_ <= 0 && quote_ == 0;
  }

 private:
  char quote_ = 0;
  bool escaped_ = false;
  int depth_ = 0;
};

/// The parts between separators: `separates(text, i)` says whether one stands at i.
template <typename Separates>
std::vector<std::string> split_outside(const std::string& text, Separates separates) {
  std::vector<std::string> parts(1);
  Outside outside;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (outside.take(text[i]) && separates(text, i)) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

/// A plus sign that begins a method's name; that of 1e+5 does not.
bool begins_link(const std::string& text, std::size_t i) {
  return text[i] == '+' && i + 1 < text.size() && is_letter(text[i + 1]);
}

bool is_comma(const std::string& text, std::size_t i) { return text[i] == ','; }

/// Where the name ends: at the first colon with KEY= behind it, so that folders may hold others;
/// at the first one where there is none such.
std::size_t end_of_name(const std::string& text) {
  const std::size_t first = text.find(':');
  for (std::size_t at = first; at != std::string::npos; at = text.find(':', at + 1)) {
    const std::size_t equals = text.find('=', at);
    if (equals == std::string::npos) break;
    if (is_key(std::string_view(text).substr(at + 1, equals - at - 1))) return at;
  }
  return first;
}

std::pair<std::string, std::string> setting_of(const std::string& place, const std::string& name,
                                               const std::string& part) {
  const std::size_t equals = part.find('=');
  const std::string key = part.substr(0, equals);
  if (equals == std::string::npos || !is_key(key) || equals + 1 == part.size()) {
    throw UserError(fmt::format(
        "{}: '{}' is not KEY=VALUE; write {}:KEY=VALUE,KEY=VALUE, such as wanda:sparsity=0.5",
        place, part, name));
  }
  return {key, toml_text(*toml_value(part.substr(equals + 1)).get(kValueKey))};
}

void refuse_repeats(const std::string& place, const NamedSettings& named) {
  std::vector<std::string> keys = {"id"};
  for (const auto& [key, value] : named.settings) {
    if (std::ranges::find(keys, key) != keys.end()) {
      throw UserError(
          fmt::format("{}: '{}' is given twice; remove one, or give an array such as "
                      "sparsity=[0.5,0.6]",
                      place, key));
    }
    keys.push_back(key);
  }
}

NamedSettings settings_of(const std::string& place, const std::string& text) {
  const std::size_t end = end_of_name(text);
  NamedSettings named{text.substr(0, end)};
  if (named.name.empty()) throw UserError(fmt::format("{}: has no name before ':'", place));
  if (end == std::string::npos) return named;
  for (const std::string& part : split_outside(text.substr(end + 1), is_comma)) {
    named.settings.push_back(setting_of(place, named.name, part));
  }
  refuse_repeats(place, named);
  return named;
}

}  // namespace

bool NamedSettings::sets(const std::string& key) const {
  const std::string inside = key + ".";
  return std::ranges::any_of(settings, [&](const auto& setting) {
    return setting.first == key || setting.first.starts_with(inside);
  });
}

NamedSettings parse_settings(const std::string& flag, const std::string& text) {
  return settings_of(flag + " " + text, text);
}

std::vector<NamedSettings> parse_chain(const std::string& flag, const std::string& text) {
  std::vector<NamedSettings> links;
  for (const std::string& link : split_outside(text, begins_link)) {
    links.push_back(settings_of(flag + " " + text, link));
  }
  return links;
}

}  // namespace assay
