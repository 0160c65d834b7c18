#include "harness/checkpoint/config_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/text.h"

namespace assay {
namespace {

const Json kNull;

constexpr std::size_t kShown = 300;  // columns
constexpr std::int64_t kLargestWhole = 1'000'000'000'000;

}  // namespace

ConfigReader::ConfigReader(std::string place, const Json& config, std::string prefix)
    : place_(std::move(place)), config_(config), prefix_(std::move(prefix)) {}

const Json& ConfigReader::at(const std::string& key) const {
  asked_.insert(key);
  const auto found = config_.find(key);
  return found == config_.end() ? kNull : *found;
}

void ConfigReader::problem(const std::string& key, const std::string& found,
                           const std::string& allowed) {
  problems_.push_back(fmt::format("{}: '{}{}' is {}; allowed: {}", place_, prefix_, key,
                                  cut(found, kShown), allowed));
}

void ConfigReader::remark(const std::string& key, const std::string& text) {
  remarks_.push_back(fmt::format("'{}{}' {}", prefix_, key, text));
}

bool ConfigReader::names(const std::string& key) const {
  asked_.insert(key);
  return config_.contains(key);
}

ConfigReader ConfigReader::table(const std::string& key) const {
  static const Json kEmpty = Json::object();
  const Json& value = at(key);
  return {place_, value.is_object() ? value : kEmpty, prefix_ + key + "."};
}

void ConfigReader::take(const ConfigReader& table) {
  problems_.insert(problems_.end(), table.problems_.begin(), table.problems_.end());
  remarks_.insert(remarks_.end(), table.remarks_.begin(), table.remarks_.end());
}

std::vector<std::string> ConfigReader::unread() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : config_.items()) {
    if (!value.is_null() && !asked_.contains(key)) keys.push_back(key);
  }
  return keys;
}

void ConfigReader::finish() const {
  if (!problems_.empty()) throw UserError(problems_);
}

std::int64_t ConfigReader::count(const std::string& key, std::optional<std::int64_t> otherwise) {
  constexpr std::int64_t kLargest = 1'000'000'000;
  const Json& value = at(key);
  if (value.is_null() && otherwise) return *otherwise;
  if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    if (number >= 1 && number <= kLargest) return number;
  }
  problem(key, value.is_null() ? "missing" : value.dump(), "an integer from 1 to 1000000000");
  return 1;
}

std::int64_t ConfigReader::whole(const std::string& key, std::int64_t otherwise) {
  const Json& value = at(key);
  if (value.is_null()) return otherwise;
  if (value.is_number_integer() && value >= 0 && value <= kLargestWhole) {
    return value.get<std::int64_t>();
  }
  problem(key, value.dump(), fmt::format("a whole number up to {}", kLargestWhole));
  return otherwise;
}

std::int64_t ConfigReader::count_of(const std::vector<std::string>& names,
                                    std::optional<std::int64_t> otherwise) {
  std::string first;
  for (const std::string& name : names) {
    if (!has(name)) continue;
    if (first.empty()) {
      first = name;
    } else if (at(name) != at(first)) {
      problem(name, at(name).dump(), fmt::format("{}, as '{}' says", at(first).dump(), first));
    }
  }
  return count(first.empty() ? names.front() : first, otherwise);
}

double ConfigReader::real(const std::string& key, std::optional<double> otherwise) {
  const Json& value = at(key);
  if (value.is_null() && otherwise) return *otherwise;
  if (value.is_number() && value.get<double>() > 0) return value.get<double>();
  problem(key, value.is_null() ? "missing" : value.dump(), "a number > 0");
  return 1;
}

bool ConfigReader::flag(const std::string& key, std::optional<bool> otherwise) {
  const Json& value = at(key);
  if (value.is_null() && otherwise) return *otherwise;
  if (value.is_boolean()) return value.get<bool>();
  problem(key, value.is_null() ? "missing" : value.dump(), "true, false");
  return false;
}

std::string ConfigReader::text(const std::string& key, const std::string& otherwise) {
  const Json& value = at(key);
  if (value.is_null()) return otherwise;
  if (value.is_string()) return value.get<std::string>();
  problem(key, value.dump(), "a string");
  return otherwise;
}

void ConfigReader::fill(ModelSpec& spec, const std::vector<ConfigKey>& table) {
  for (const ConfigKey& row : table) {
    std::optional<std::int64_t> whole;
    if (row.otherwise) whole = static_cast<std::int64_t>(*row.otherwise);
    if (const auto* of_model = std::get_if<0>(&row.field)) {
      spec.** of_model = count(row.key, whole);
    } else if (const auto* of_layer = std::get_if<3>(&row.field)) {
      spec.shape.** of_layer = count(row.key, whole);
    } else if (const auto* number = std::get_if<1>(&row.field)) {
      spec.** number = real(row.key, row.otherwise);
    } else {
      std::optional<bool> otherwise;
      if (row.otherwise) otherwise = *row.otherwise != 0;
      spec.*std::get<2>(row.field) = flag(row.key, otherwise);
    }
  }
}

void ConfigReader::require_flag(const std::string& key, bool allowed) {
  if (flag(key, allowed) != allowed) {
    problem(key, allowed ? "false" : "true", allowed ? "true" : "false");
  }
}

void ConfigReader::require_count(const std::string& key, std::int64_t allowed,
                                 const std::string& why) {
  const Json& value = at(key);
  if (value.is_null() || value == allowed) return;
  problem(key, value.dump(), fmt::format("{} ({})", allowed, why));
}

ActivationKind ConfigReader::activation(const std::string& key, const std::string& otherwise) {
  static const std::map<std::string, ActivationKind> kKnown = {
      {"relu", ActivationKind::kRelu},
      {"silu", ActivationKind::kSilu},
      {"swish", ActivationKind::kSilu},
      {"gelu", ActivationKind::kGelu},
      {"gelu_python", ActivationKind::kGelu},
      {"gelu_new", ActivationKind::kGeluTanh},
      {"gelu_fast", ActivationKind::kGeluTanh},
      {"gelu_pytorch_tanh", ActivationKind::kGeluTanh},
      {"gelu_accurate", ActivationKind::kGeluTanh},
      {"gelu_python_tanh", ActivationKind::kGeluTanh},
  };
  const std::string name = text(key, otherwise);
  const auto found = kKnown.find(name);
  if (found != kKnown.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, kind] : kKnown) names.push_back(known);
  problem(key, "\"" + name + "\"", join(names, ", "));
  return ActivationKind::kGelu;
}

}  // namespace assay
