#include "harness/tune/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/errors.h"
#include "harness/base/numbers.h"

namespace assay::tune {
namespace {

void add_values(const std::string& prefix, const Json& values, ChainParameters& all) {
  for (const auto& [name, value] : values.items()) {
    if (name == "then" || name == "id") continue;
    if (value.is_object()) {
      add_values(prefix + name + ".", value, all);
    } else {
      all[prefix + name] = value;
    }
  }
}

std::string numbered(const std::string& method, int times) {
  return times == 1 ? method : fmt::format("{}#{}", method, times);
}

}  // namespace

double finite_number(const std::string& text, const std::string& place) {
  const auto value = number_from<double>(text);
  if (value && std::isfinite(*value)) return *value;
  throw UserError(fmt::format("{}: '{}' is not a number", place, text));
}

Axis parse_axis(const std::string& text) {
  const std::size_t colon = text.find(':');
  Axis axis{text.substr(0, colon)};
  const std::size_t point = axis.name.find('.');
  if (point == 0 || point == std::string::npos || point + 1 == axis.name.size()) {
    throw UserError(fmt::format(
        "--over {}: give METHOD.PARAMETER, and behind a colon its value where the method is not "
        "there: cofi.sparsity:0",
        text));
  }
  if (colon != std::string::npos) {
    axis.without = finite_number(text.substr(colon + 1), "--over " + text);
  }
  return axis;
}

ChainParameters chain_parameters(const std::string& method, const std::string& params) {
  ChainParameters all;
  const Json document = try_parse_json(params);
  if (!document.is_object()) return all;
  std::map<std::string, int> times;
  add_values(numbered(method, ++times[method]) + ".", document, all);
  for (const Json& link : document.value("then", Json::array())) {
    const std::string id = link.value("id", std::string());
    add_values(numbered(id, ++times[id]) + ".", link, all);
  }
  return all;
}

std::optional<std::vector<double>> place_of(const ChainParameters& parameters,
                                            const std::vector<Axis>& axes) {
  std::vector<double> place;
  for (const Axis& axis : axes) {
    const auto found = parameters.find(axis.name);
    if (found != parameters.end() && found->second.is_number()) {
      place.push_back(found->second.get<double>());
    } else if (found == parameters.end() && axis.without) {
      place.push_back(*axis.without);
    } else {
      return std::nullopt;
    }
  }
  return place;
}

AxisScale::AxisScale(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  logarithmic_ = least > 0 && most >= 4 * least;
  low_ = logarithmic_ ? std::log(least) : least;
  const double high = logarithmic_ ? std::log(most) : most;
  if (high > low_) width_ = high - low_;
}

double AxisScale::operator()(double value) const {
  return ((logarithmic_ ? std::log(value) : value) - low_) / width_;
}

}  // namespace assay::tune
