#include "harness/base/param_makers.h"

#include <utility>

namespace assay {
namespace {

ParamSpec param(std::string name, ParamType type, Json value, std::string help) {
  ParamSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.default_value = std::move(value);
  spec.help = std::move(help);
  return spec;
}

}  // namespace

ParamSpec choice_param(std::string name, std::vector<std::string> choices, std::string help) {
  ParamSpec spec = param(std::move(name), ParamType::kChoice, choices.at(0), std::move(help));
  spec.choices = std::move(choices);
  return spec;
}

ParamSpec count_param(std::string name, std::int64_t value, double min, std::string unit,
                      std::string help) {
  ParamSpec spec = param(std::move(name), ParamType::kInt, value, std::move(help));
  spec.min = min;
  spec.unit = std::move(unit);
  return spec;
}

ParamSpec real_param(std::string name, double value, const RealRange& range, std::string help) {
  ParamSpec spec = param(std::move(name), ParamType::kReal, value, std::move(help));
  spec.min = range.min;
  spec.max = range.max;
  spec.max_open = range.max_open;
  spec.min_open = range.min_open;
  return spec;
}

ParamSpec flag_param(std::string name, bool value, std::string help) {
  return param(std::move(name), ParamType::kBool, value, std::move(help));
}

ParamSpec formerly(ParamSpec spec, std::vector<std::string> names,
                   std::map<std::string, std::string> values) {
  spec.former_names = std::move(names);
  spec.former_values = std::move(values);
  return spec;
}

std::vector<std::string> param_names(const std::vector<ParamSpec>& specs) {
  std::vector<std::string> names;
  for (const ParamSpec& spec : specs) names.push_back(spec.name);
  return names;
}

std::vector<std::string> joined_names(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::vector<ParamSpec> joined_params(std::initializer_list<std::vector<ParamSpec>> lists) {
  std::vector<ParamSpec> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace assay
