#include "harness/config/toml_value.h"

#include <fmt/format.h>

#include <cmath>
#include <sstream>
#include <vector>

#include "harness/base/json_text.h"
#include "harness/base/text.h"
#include "harness/config/toml_keys.h"

namespace assay {
namespace {

/// Something behind the value ("1\nx = 2") would be lost without a word.
bool is_one_value(const toml::table& table) {
  const toml::node* node = table.get(kValueKey);
  return table.size() == 1 && node != nullptr && !node->is_time() && !node->is_date() &&
         !node->is_date_time();
}

std::string scalar_text(const toml::node& value) {
  if (const auto* text = value.as_string()) return toml_quoted(text->get());
  // The shortest digits that read as the same number.
  if (const auto* real = value.as_floating_point(); real != nullptr && std::isfinite(real->get())) {
    return Json(real->get()).dump();
  }
  std::ostringstream out;
  value.visit([&out](const auto& typed) { out << typed; });
  return out.str();
}

}  // namespace

toml::table toml_value(const std::string& text) {
  if (line_of_long_key(text) > 0) return toml::table{{kValueKey, text}};
  try {
    toml::table table = toml::parse(fmt::format("{} = {}", kValueKey, text));
    if (is_one_value(table)) return table;
  } catch (const toml::parse_error&) {  // NOLINT(bugprone-empty-catch): it is a text
  }
  return toml::table{{kValueKey, text}};
}

std::string toml_text(const toml::node& value) {
  std::vector<std::string> parts;
  if (const auto* array = value.as_array()) {
    for (const toml::node& element : *array) parts.push_back(toml_text(element));
    return "[" + join(parts, ", ") + "]";
  }
  if (const auto* table = value.as_table()) {
    for (const auto& [key, member] : *table) {
      parts.push_back(
          fmt::format("{} = {}", toml_quoted(std::string(key.str())), toml_text(member)));
    }
    return "{ " + join(parts, ", ") + " }";
  }
  return scalar_text(value);
}

std::string toml_quoted(const std::string& text) { return json_text(Json(text)); }

}  // namespace assay
