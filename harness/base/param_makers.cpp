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

}  // namespace assay
