#include "harness/config/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "harness/config/limits.h"

namespace assay {
namespace {

constexpr double kMostValuesOfARange = 1000;
constexpr std::size_t kMostValues = 10'000;

bool takes_arrays(const ParamSpec& spec) {
  return spec.type == ParamType::kIntList || spec.type == ParamType::kTextList;
}

// 0.1 + 2 * 0.1 is meant as 0.3, not as 0.30000000000000004.
double as_written(double value) {
  return std::strtod(fmt::format("{:.12g}", value).c_str(), nullptr);
}

std::optional<double> number_of(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr || !node->is_number()) return std::nullopt;
  const auto value = node->value<double>();
  return value && std::isfinite(*value) ? value : std::nullopt;
}

/// The three numbers of a range.
struct Range {
  double from = 0, to = 0, step = 0;
};

/// An end that need not be hit (`to`) may have a point also where all values are whole.
bool is_whole(const toml::table& table, const char* key) {
  const auto number = table[key].value<double>();
  return table.get(key)->is_integer() && std::abs(*number) <= kMostInteger;
}

std::optional<Range> range_of(const ParamSpec& spec, const toml::table& table) {
  const auto from = number_of(table, "from");
  const auto to = number_of(table, "to");
  const auto step = number_of(table, "step");
  const bool whole = spec.type == ParamType::kInt;
  if (!whole && spec.type != ParamType::kReal) return std::nullopt;
  if (!from || !to || !step || table.size() != 3 || *step <= 0 || *to < *from) return std::nullopt;
  if (whole && (!is_whole(table, "from") || !is_whole(table, "step"))) return std::nullopt;
  if ((*to - *from) / *step > kMostValuesOfARange) return std::nullopt;
  return Range{*from, *to, *step};
}

std::vector<Json> values_of_range(TableReader& reader, const ParamSpec& spec,
                                  const toml::table& table) {
  const auto range = range_of(spec, table);
  if (!range) {
    const bool numeric = spec.type == ParamType::kInt || spec.type == ParamType::kReal;
    reader.refuse(spec.name, table,
                  numeric ? "a value, an array of values, or { from = a, to = b, step = c } with "
                            "a <= b, c > 0 and at most 1000 steps"
                          : allowed_values(spec));
    return {};
  }
  std::vector<Json> values;
  const auto count =
      static_cast<std::int64_t>(std::floor((range->to - range->from) / range->step + 1e-9)) + 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = range->from + static_cast<double>(i) * range->step;
    const bool integer = spec.type == ParamType::kInt;  // of at most 42 bits, which a double holds
    values.push_back(integer ? Json(std::llround(value)) : Json(as_written(value)));
  }
  return values;
}

// 1 and 1.0 are the same real number: one form, so that repeated values are seen.
Json normalised(const ParamSpec& spec, const Json& value) {
  return spec.type == ParamType::kReal && value.is_number() ? Json(value.get<double>()) : value;
}

void keep_if_allowed(TableReader& reader, const ParamSpec& spec, const SourcePlace& place,
                     const std::optional<Json>& value, Axis& axis) {
  if (!value) {
    reader.problem(place, fmt::format("{} in {}: dates, NaN and infinity are not allowed; give {}",
                                      spec.name, reader.what(), allowed_values(spec)));
    return;
  }
  if (const auto problem = value_problem(spec, *value)) {
    reader.problem(place, fmt::format("{} = {}", spec.name, *problem));
    return;
  }
  const Json form = normalised(spec, *value);
  if (std::find(axis.values.begin(), axis.values.end(), form) != axis.values.end()) {
    reader.problem(place,
                   fmt::format("{} = {} is given twice; remove one", spec.name, value->dump()));
    return;
  }
  axis.values.push_back(form);
}

void refuse_former_names(TableReader& reader, const ParamSpec& spec) {
  for (const std::string& former : spec.former_names) {
    if (!reader.node().contains(former)) continue;
    reader.take(former);
    reader.problem(reader.place(former),
                   fmt::format("{} in {}", renamed_message(spec, former), reader.what()));
  }
}

}  // namespace

std::optional<Axis> read_axis(TableReader& reader, const ParamSpec& spec) {
  const toml::node* node = reader.take(spec.name);
  if (node == nullptr) return std::nullopt;
  Axis axis{spec.name, {}};
  const SourcePlace place = reader.place(spec.name);
  if (const auto* range = node->as_table()) {
    for (const Json& value : values_of_range(reader, spec, *range)) {
      keep_if_allowed(reader, spec, place, value, axis);
    }
    return axis;
  }
  const auto* array = node->as_array();
  if (array == nullptr || takes_arrays(spec)) {
    keep_if_allowed(reader, spec, place, json_of(*node), axis);
    return axis;
  }
  if (array->empty()) reader.refuse(spec.name, *node, allowed_values(spec));
  if (array->size() > kMostValues) {
    reader.problem(place, fmt::format("{} in {} has {} values; allowed: at most {}", spec.name,
                                      reader.what(), array->size(), kMostValues));
    return axis;
  }
  for (const toml::node& element : *array) {
    keep_if_allowed(reader, spec, place_of(reader.file(), element.source()), json_of(element),
                    axis);
  }
  return axis;
}

std::vector<Axis> read_axes(TableReader& reader, const std::vector<ParamSpec>& specs) {
  std::vector<Axis> axes;
  for (const ParamSpec& spec : specs) {
    refuse_former_names(reader, spec);
    if (auto axis = read_axis(reader, spec)) {
      axes.push_back(std::move(*axis));
    } else if (spec.default_value.is_null()) {
      reader.problem(reader.place(), fmt::format("{} needs the key '{}' ({}): {}", reader.what(),
                                                 spec.name, allowed_values(spec), spec.help));
    }
  }
  const std::vector<std::string> order = reader.keys();
  const auto position = [&order](const Axis& axis) {
    return std::find(order.begin(), order.end(), axis.name) - order.begin();
  };
  std::stable_sort(axes.begin(), axes.end(),
                   [&position](const Axis& a, const Axis& b) { return position(a) < position(b); });
  return axes;
}

std::vector<Json> multiply(TableReader& reader, const std::vector<Axis>& axes) {
  std::vector<Factor> factors;
  for (const Axis& axis : axes) factors.push_back({axis.values.size(), axis.name});
  if (const std::string problem = too_many(factors, "settings"); !problem.empty()) {
    reader.problem(reader.place(), fmt::format("{} {}", reader.what(), problem));
    return {};
  }
  std::vector<Json> combinations{Json::object()};
  for (const Axis& axis : axes) {
    std::vector<Json> longer;
    for (const Json& combination : combinations) {
      for (const Json& value : axis.values) {
        longer.push_back(combination);
        longer.back()[axis.name] = value;
      }
    }
    combinations = std::move(longer);
  }
  return combinations;
}

Json written_out(const std::vector<ParamSpec>& specs, const Json& given) {
  Json values = given;
  for (const ParamSpec& spec : specs) {
    if (!values.contains(spec.name)) values[spec.name] = normalised(spec, spec.default_value);
  }
  return values;
}

}  // namespace assay
