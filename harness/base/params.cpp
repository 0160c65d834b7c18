#include "harness/base/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/pattern.h"
#include "harness/base/text.h"

namespace assay {
namespace {

constexpr std::size_t kShownValueColumns = 200;

constexpr std::array<std::pair<ParamType, std::string_view>, 8> kTypeNames = {{
    {ParamType::kInt, "integer"},
    {ParamType::kReal, "real"},
    {ParamType::kBool, "boolean"},
    {ParamType::kText, "text"},
    {ParamType::kChoice, "choice"},
    {ParamType::kIntList, "integers"},
    {ParamType::kTextList, "texts"},
    {ParamType::kPattern, "pattern"},
}};

std::string_view type_name(ParamType type) {
  for (const auto& [known, name] : kTypeNames) {
    if (known == type) return name;
  }
  throw std::invalid_argument("parameter type out of range");
}

ParamType type_from_name(std::string_view name) {
  for (const auto& [type, known] : kTypeNames) {
    if (known == name) return type;
  }
  throw std::invalid_argument("unknown parameter type '" + std::string(name) + "'");
}

/// As it is said of a parameter: what nobody would ask for goes without saying.
std::string range_text(const ParamSpec& spec) {
  if (spec.min && spec.max) {
    return fmt::format("{}{}, {}{}", spec.min_open ? '(' : '[', *spec.min, *spec.max,
                       spec.max_open ? ')' : ']');
  }
  if (spec.min) return fmt::format("{} {}", spec.min_open ? ">" : ">=", *spec.min);
  if (spec.max) return fmt::format("{} {}", spec.max_open ? "<" : "<=", *spec.max);
  return "";
}

/// The same with the bounds that every integer has.
ParamSpec bounded(ParamSpec spec) {
  if (spec.type != ParamType::kInt && spec.type != ParamType::kIntList) return spec;
  spec.min = spec.min.value_or(-kMostInteger);
  spec.max = spec.max.value_or(kMostInteger);
  return spec;
}

bool in_range(const ParamSpec& spec, double value) {
  if (!std::isfinite(value)) return false;
  if (spec.min && !(spec.min_open ? value > *spec.min : value >= *spec.min)) return false;
  if (!spec.max) return true;
  return spec.max_open ? value < *spec.max : value <= *spec.max;
}

/// What is wrong with a number, or with one in a list; nothing for other values.
std::optional<std::string> number_problem(const ParamSpec& spec, const Json& value) {
  if (value.is_array()) {
    for (const Json& item : value) {
      if (auto problem = number_problem(spec, item)) return problem;
    }
  }
  if (!value.is_number() || in_range(bounded(spec), value.get<double>())) return std::nullopt;
  const bool too_large = in_range(spec, value.get<double>());
  return fmt::format("{} is outside {}", value.dump(),
                     range_text(too_large ? bounded(spec) : spec));
}

bool has_type(ParamType type, const Json& value) {
  const auto all = [&value](auto predicate) {
    return value.is_array() && std::all_of(value.begin(), value.end(), predicate);
  };
  switch (type) {
    case ParamType::kInt:
      return value.is_number_integer();
    case ParamType::kReal:
      return value.is_number();
    case ParamType::kBool:
      return value.is_boolean();
    case ParamType::kText:
    case ParamType::kChoice:
    case ParamType::kPattern:
      return value.is_string();
    case ParamType::kIntList:
      return all([](const Json& item) { return item.is_number_integer(); });
    case ParamType::kTextList:
      return all([](const Json& item) { return item.is_string(); });
  }
  return false;
}

const ParamSpec* formerly_called(const std::vector<ParamSpec>& specs, const std::string& name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [&](const ParamSpec& spec) {
    const auto& former = spec.former_names;
    return std::find(former.begin(), former.end(), name) != former.end();
  });
  return found == specs.end() ? nullptr : &*found;
}

}  // namespace

Json to_json(const ParamSpec& spec) {
  Json document = {{"name", spec.name},
                   {"type", type_name(spec.type)},
                   {"default", spec.default_value},
                   {"help", spec.help},
                   {"unit", spec.unit},
                   {"max_open", spec.max_open},
                   {"min_open", spec.min_open},
                   {"choices", spec.choices}};
  if (!spec.former_names.empty()) document["former_names"] = spec.former_names;
  if (!spec.former_values.empty()) document["former_values"] = spec.former_values;
  if (spec.min) document["min"] = *spec.min;
  if (spec.max) document["max"] = *spec.max;
  return document;
}

ParamSpec param_spec_from_json(const Json& document) {
  ParamSpec spec;
  spec.name = document.at("name").get<std::string>();
  spec.type = type_from_name(document.at("type").get<std::string>());
  spec.default_value = document.at("default");
  spec.help = document.at("help").get<std::string>();
  spec.unit = document.at("unit").get<std::string>();
  spec.max_open = document.at("max_open").get<bool>();
  spec.min_open = document.value("min_open", false);
  spec.choices = document.at("choices").get<std::vector<std::string>>();
  spec.former_names = document.value("former_names", spec.former_names);
  spec.former_values = document.value("former_values", spec.former_values);
  if (document.contains("min")) spec.min = document.at("min").get<double>();
  if (document.contains("max")) spec.max = document.at("max").get<double>();
  return spec;
}

std::string allowed_values(const ParamSpec& spec) {
  if (!spec.choices.empty()) return "one of " + join(spec.choices, ", ");
  const std::string range = range_text(spec);
  switch (spec.type) {
    case ParamType::kInt:
      return range.empty() ? "an integer"
                           : "an integer " + (spec.max && spec.min ? "in " + range : range);
    case ParamType::kReal:
      return range.empty() ? "a number"
                           : "a number " + (spec.max && spec.min ? "in " + range : range);
    case ParamType::kBool:
      return "true or false";
    case ParamType::kIntList:
      return "an array of integers" + (range.empty() ? "" : ", each " + range);
    case ParamType::kTextList:
      return "an array of texts";
    case ParamType::kPattern:
      return "'unstructured' or 'N:M' (prune N of every M, 1 <= N < M)";
    default:
      return "a text";
  }
}

std::string renamed_message(const ParamSpec& spec, std::string_view former) {
  return fmt::format("'{}' is called '{}' now: {}", former, spec.name, allowed_values(spec));
}

std::optional<std::string> value_problem(const ParamSpec& spec, const Json& value) {
  const std::string whole = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::string shown = cut(whole, kShownValueColumns);
  if (!has_type(spec.type, value)) {
    return fmt::format("{} is not allowed; give {}", shown, allowed_values(spec));
  }
  if (const auto renamed =
          spec.former_values.find(value.is_string() ? value.get<std::string>() : "");
      renamed != spec.former_values.end()) {
    return fmt::format("{} is called \"{}\" now; {}", shown, renamed->second, allowed_values(spec));
  }
  if (auto problem = number_problem(spec, value)) return problem;
  if (spec.type == ParamType::kPattern && !pattern_from_text(value.get<std::string>())) {
    return shown + " is neither 'unstructured' nor 'N:M' (prune N of every M, 1 <= N < M)";
  }
  const bool chosen = spec.choices.empty() || std::find(spec.choices.begin(), spec.choices.end(),
                                                        value) != spec.choices.end();
  if (value.is_string() && !chosen) {
    return fmt::format("{} is not {}", shown, allowed_values(spec));
  }
  return std::nullopt;
}

Params::Params(const std::vector<ParamSpec>& specs, const Json& given) {
  std::vector<std::string> problems;
  std::vector<std::string> known;
  for (const ParamSpec& spec : specs) {
    known.push_back(spec.name);
    if (!given.contains(spec.name)) {
      if (spec.default_value.is_null())
        problems.push_back(fmt::format("'{}' is required: {}", spec.name, spec.help));
      values_[spec.name] = spec.default_value;
      continue;
    }
    const Json& value = given.at(spec.name);
    if (const auto problem = value_problem(spec, value))
      problems.push_back(spec.name + ": " + *problem);
    // 1 and 1.0 are the same real: one form, one key.
    const bool real = spec.type == ParamType::kReal && value.is_number();
    values_[spec.name] = real ? Json(value.get<double>()) : value;
  }
  for (const auto& [name, value] : given.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const ParamSpec* renamed = formerly_called(specs, name);
    problems.push_back(renamed != nullptr ? renamed_message(*renamed, name)
                                          : unknown_name_message("parameter", name, known));
  }
  if (!problems.empty()) throw UserError(problems);
}

const Json& Params::at(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    throw std::logic_error("parameter '" + std::string(name) + "' was never declared");
  }
  return *found;
}

std::int64_t Params::get_int(std::string_view name) const { return at(name).get<std::int64_t>(); }
double Params::get_real(std::string_view name) const { return at(name).get<double>(); }
bool Params::get_bool(std::string_view name) const { return at(name).get<bool>(); }
std::string Params::get_text(std::string_view name) const { return at(name).get<std::string>(); }
std::vector<std::int64_t> Params::get_int_list(std::string_view name) const {
  return at(name).get<std::vector<std::int64_t>>();
}
std::vector<std::string> Params::get_text_list(std::string_view name) const {
  return at(name).get<std::vector<std::string>>();
}

}  // namespace assay
