#include "harness/config/method_setting.h"

#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/config/experiment_blocks.h"
#include "harness/config/toml_reader.h"

namespace assay {
namespace {

constexpr const char* kPlace = "--set";
constexpr const char* kValue = "value";

bool is_value(const toml::node* node) {
  return node != nullptr && !node->is_time() && !node->is_date() && !node->is_date_time();
}

/// The table with the value under kValue; a text when it is no TOML, or a time such as 16:32.
toml::table value_of(const std::string& text) {
  try {
    toml::table table = toml::parse(fmt::format("{} = {}", kValue, text));
    if (is_value(table.get(kValue))) return table;
  } catch (const toml::parse_error&) {  // NOLINT(bugprone-empty-catch): it is a text
  }
  return toml::table{{kValue, text}};
}

/// The table that a key with dots is in; `key` becomes the part behind the last dot.
toml::table& table_for(toml::table& root, std::string& key, const std::string& setting) {
  toml::table* table = &root;
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.')) {
    const std::string outer = key.substr(0, dot);
    table->insert(outer, toml::table());
    table = table->get_as<toml::table>(outer);
    if (table == nullptr) {
      throw UserError(fmt::format("{} {}: '{}' has a value already", kPlace, setting, outer));
    }
    key.erase(0, dot + 1);
  }
  return *table;
}

void insert(toml::table& root, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  std::string key = setting.substr(0, equals);
  if (equals == std::string::npos || key.empty()) {
    throw UserError(fmt::format("{} {}: write KEY=VALUE, such as sparsity=0.5", kPlace, setting));
  }
  toml::table& table = table_for(root, key, setting);
  if (key == "id" || table.contains(key)) {
    throw UserError(fmt::format("{} {}: '{}' is given twice; remove one", kPlace, setting, key));
  }
  // A copy has no place in the text, which nobody sees.
  value_of(setting.substr(equals + 1)).get(kValue)->visit([&](const auto& node) {
    table.insert(key, node);
  });
}

}  // namespace

MethodChoice read_method_setting(const std::string& method,
                                 const std::vector<std::string>& settings,
                                 const Catalogue& catalogue) {
  (void)catalogue.method(method);  // an unknown one is no matter of its settings
  toml::table table;
  for (const std::string& setting : settings) insert(table, setting);
  table.insert("id", method);
  Problems problems;
  std::vector<TableReader> blocks;
  blocks.emplace_back(table, kPlace, "the method", problems);
  std::vector<MethodChoice> choices = read_methods(std::move(blocks), catalogue);
  problems.throw_if_any();
  if (choices.size() != 1) {
    throw UserError(
        fmt::format("{}: the values make {} settings of method '{}'; give one value for "
                    "each key",
                    kPlace, choices.size(), method));
  }
  return std::move(choices.front());
}

}  // namespace assay
