#include "reports/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/base/json_text.h"

namespace assay {
namespace {

using Flat = FlatParameters;

const std::string kThen = "then.";

/// Links of a chain are numbered from 1: "then.1.bits".
bool is_chain(const Json& value, const std::string& name) {
  return name == "then" && value.is_array() && !value.empty() && value.front().is_object();
}

void flatten(const Json& value, const std::string& name, Flat& flat) {
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) {
      flatten(entry, name.empty() ? key : name + "." + key, flat);
    }
  } else if (is_chain(value, name)) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      flatten(value[i], name + "." + std::to_string(i + 1), flat);
    }
  } else {
    flat[name] = value.is_string() ? value.get<std::string>() : json_text(value);
  }
}

using Varying = std::map<std::string, std::vector<std::string>>;

/// Which parameters of entries are comparable: "" for the method's own, "then.1.cofi" for those of
/// a link, where that link is this method.
std::string owner_of(const Flat& flat, const std::string& key) {
  if (!key.starts_with(kThen)) return "";
  const std::string link = key.substr(0, key.find('.', kThen.size()) + 1);
  const auto id = flat.find(link + "id");
  return link + (id == flat.end() ? "" : id->second);
}

/// Whether no two of the entries have the same values of these.
bool told_apart(const std::set<std::string>& texts, const std::set<std::string>& keys) {
  std::set<std::vector<std::string>> seen;
  for (const std::string& text : texts) {
    const Flat flat = flat_parameters(text);
    std::vector<std::string> values;
    for (const std::string& key : keys) {
      const auto entry = flat.find(key);
      values.push_back(entry == flat.end() ? "" : entry->second);
    }
    if (!seen.insert(std::move(values)).second) return false;
  }
  return true;
}

/// Whether a parameter is one of a table's, as those of "calibration" are.
bool in_table(const std::string& key) {
  const std::size_t begin = key.starts_with(kThen) ? key.find('.', kThen.size()) + 1 : 0;
  return key.find('.', begin) != std::string::npos;
}

/// Parameters with several values, or that some of the entries which could have them lack; but of
/// tables that some entries lack (what one calibrates on, and another does not) only where the
/// others do not tell the entries apart. Of a link of a chain these are the entries with the same
/// link.
std::vector<std::string> varying_keys(const std::set<std::string>& texts) {
  std::map<std::string, std::size_t> owners;
  std::map<std::pair<std::string, std::string>, std::multiset<std::string>> values;
  for (const std::string& text : texts) {
    const Flat flat = flat_parameters(text);
    std::set<std::string> there{""};
    for (const auto& [key, value] : flat) {
      const std::string owner = owner_of(flat, key);
      there.insert(owner);
      values[{key, owner}].insert(value);
    }
    for (const std::string& owner : there) ++owners[owner];
  }
  std::set<std::string> keys, of_tables;
  for (const auto& [of, found] : values) {
    const bool several = found.count(*found.begin()) < found.size();
    const bool lacking = found.size() < owners[of.second];
    if (several || (lacking && !in_table(of.first))) keys.insert(of.first);
    if (!several && lacking && in_table(of.first)) of_tables.insert(of.first);
  }
  if (!told_apart(texts, keys)) keys.merge(of_tables);
  return {keys.begin(), keys.end()};
}

Varying varying(const std::map<std::string, std::set<std::string>>& texts_by_name) {
  Varying result;
  for (const auto& [name, texts] : texts_by_name) {
    std::vector<std::string> keys = varying_keys(texts);
    if (!keys.empty()) result[name] = std::move(keys);
  }
  return result;
}

std::string percent(const std::string& text) {
  const Json number = try_parse_json(text);
  return number.is_number() ? fmt::format("{:.4g}%", 100 * number.get<double>()) : text;
}

/// Those whose names begin with `prefix`, without it; with an empty one, all but links of a chain.
std::string varying_text(const Flat& flat, const Varying& by_name, const std::string& name,
                         const std::set<std::string>& shown, const std::string& prefix = "") {
  std::string text;
  const auto found = by_name.find(name);
  if (found == by_name.end()) return text;
  for (const std::string& key : found->second) {
    const bool wanted = prefix.empty() ? !key.starts_with(kThen) : key.starts_with(prefix);
    const auto entry = flat.find(key);
    if (!wanted || entry == flat.end() || shown.contains(key)) continue;
    text += " " + key.substr(prefix.size()) + "=" + entry->second;
  }
  return text;
}

/// " then quantize bits=3": each link with what tells it apart.
std::string chain_text(const Flat& flat, const Varying& by_name, const std::string& name) {
  std::string text;
  for (int link = 1;; ++link) {
    const std::string prefix = kThen + std::to_string(link) + ".";
    const auto id = flat.find(prefix + "id");
    if (id == flat.end()) return text;
    text += " then " + id->second + varying_text(flat, by_name, name, {id->first}, prefix);
  }
}

}  // namespace

FlatParameters flat_parameters(const std::string& text) {
  Flat flat;
  const Json document = try_parse_json(text);
  if (document.is_object()) {
    flatten(document, "", flat);
  } else if (!text.empty()) {
    flat["params"] = text;
  }
  return flat;
}

Labels::Labels(const std::vector<ResultRow>& rows) {
  std::map<std::string, std::set<std::string>> methods, suites;
  std::set<std::int64_t> seeds;
  for (const ResultRow& row : rows) {
    methods[row.method].insert(row.params);
    suites[row.suite].insert(row.suite_params);
    seeds.insert(row.seed);
  }
  method_varying_ = varying(methods);
  suite_varying_ = varying(suites);
  several_seeds_ = seeds.size() > 1;
}

std::string Labels::make_method(const ResultRow& row) const {
  const Flat flat = flat_parameters(row.params);
  std::set<std::string> shown;
  std::string label = row.method;
  const auto pattern = flat.find("pattern");
  const auto sparsity = flat.find("sparsity");
  if (pattern != flat.end()) shown.insert("pattern");
  if (sparsity != flat.end()) shown.insert("sparsity");
  const bool grouped = pattern != flat.end() && pattern->second.find(':') != std::string::npos;
  if (grouped) {
    label += " " + pattern->second;  // N:M fixes the sparsity
  } else if (sparsity != flat.end()) {
    label += " " + percent(sparsity->second);
  }
  label += varying_text(flat, method_varying_, row.method, shown);
  label += chain_text(flat, method_varying_, row.method);
  if (several_seeds_) label += fmt::format(" seed={}", row.seed);
  return label;
}

const std::string& Labels::method(const ResultRow& row) const {
  const auto [place, added] = methods_.try_emplace({row.method, row.params, row.seed});
  if (added) place->second = make_method(row);
  return place->second;
}

const std::string& Labels::suite(const ResultRow& row) const {
  const auto [place, added] = suites_.try_emplace({row.suite, row.suite_params});
  if (added) place->second = make_suite(row);
  return place->second;
}

std::string Labels::make_suite(const ResultRow& row) const {
  return row.suite + varying_text(flat_parameters(row.suite_params), suite_varying_, row.suite, {});
}

}  // namespace assay
