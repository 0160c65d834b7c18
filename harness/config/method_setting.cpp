#include "harness/config/method_setting.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/dense_method.h"
#include "harness/base/errors.h"
#include "harness/config/experiment_blocks.h"
#include "harness/config/toml_keys.h"
#include "harness/config/toml_reader.h"
#include "harness/config/toml_value.h"

namespace assay {
namespace {

constexpr const char* kPlace = "--set";
constexpr const char* kThen = "then";

/// The table that a key with dots is in; `key` becomes the part behind the last dot.
toml::table& table_for(toml::table& root, std::string& key, const std::string& setting) {
  if (std::ranges::count(key, '.') >= std::ptrdiff_t{kMostKeyParts}) {
    throw UserError(fmt::format("{}: a name of more than {} parts; allowed: {}", kPlace,
                                kMostKeyParts, kMostKeyParts));
  }
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
  if (key.substr(0, key.find('.')) == kThen) {
    throw UserError(fmt::format(
        "{} {}: write what follows as --then METHOD, and its --set behind it", kPlace, setting));
  }
  toml::table& table = table_for(root, key, setting);
  if (key == "id" || table.contains(key)) {
    throw UserError(fmt::format("{} {}: '{}' is given twice; remove one", kPlace, setting, key));
  }
  // A copy has no place in the text, which nobody sees.
  toml_value(setting.substr(equals + 1)).get(kValueKey)->visit([&](const auto& node) {
    table.insert(key, node);
  });
}

toml::table block_of(const MethodText& text) {
  toml::table block;
  for (const std::string& setting : text.settings) insert(block, setting);
  block.insert("id", text.method);
  return block;
}

void check_links(const std::vector<MethodText>& chain, const Catalogue& catalogue) {
  for (const MethodText& link : chain) {
    (void)catalogue.method(link.method);  // an unknown one is no matter of its settings
    if (chain.size() == 1 || link.method != kDense) continue;
    throw UserError(fmt::format(
        "'{}' leaves a model as it is, so it is no link of a chain; leave it out", kDense));
  }
}

}  // namespace

MethodChoice read_method_setting(const std::vector<MethodText>& chain, const Catalogue& catalogue) {
  check_links(chain, catalogue);
  toml::table table = block_of(chain.front());
  toml::array then;
  for (std::size_t i = 1; i < chain.size(); ++i) then.push_back(block_of(chain[i]));
  if (!then.empty()) table.insert(kThen, std::move(then));
  Problems problems;
  std::vector<TableReader> blocks;
  blocks.emplace_back(table, kPlace, "the method", problems);
  std::vector<MethodChoice> choices = read_methods(std::move(blocks), catalogue);
  problems.throw_if_any();
  if (choices.size() != 1) {
    throw UserError(fmt::format(
        "{}: the values make {} settings of {} '{}'; give one value for each key", kPlace,
        choices.size(), chain.size() == 1 ? "method" : "chain", choices.front().chain_name()));
  }
  return std::move(choices.front());
}

}  // namespace assay
