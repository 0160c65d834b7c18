#include "harness/checkpoint/config_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "harness/base/errors.h"
#include "harness/base/text.h"

namespace assay {
namespace {

const Json kNull;

// Numbers of a rope object; a missing one keeps the default that `otherwise` gives.
double number_or(const Json& object, const char* key, double otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

}  // namespace

ConfigReader::ConfigReader(std::string place, const Json& config)
    : place_(std::move(place)), config_(config) {}

const Json& ConfigReader::at(const std::string& key) const {
  const auto found = config_.find(key);
  return found == config_.end() ? kNull : *found;
}

void ConfigReader::problem(const std::string& key, const std::string& found,
                           const std::string& allowed) {
  problems_.push_back(fmt::format("{}: '{}' is {}; allowed: {}", place_, key, found, allowed));
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
    if (const auto* whole = std::get_if<0>(&row.field)) {
      std::optional<std::int64_t> otherwise;
      if (row.otherwise) otherwise = static_cast<std::int64_t>(*row.otherwise);
      spec.** whole = count(row.key, otherwise);
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

ActivationKind ConfigReader::activation(const std::string& key, const std::string& otherwise) {
  static const std::map<std::string, ActivationKind> kKnown = {
      {"relu", ActivationKind::kRelu},          {"silu", ActivationKind::kSilu},
      {"swish", ActivationKind::kSilu},         {"gelu", ActivationKind::kGelu},
      {"gelu_python", ActivationKind::kGelu},   {"gelu_new", ActivationKind::kGeluTanh},
      {"gelu_fast", ActivationKind::kGeluTanh}, {"gelu_pytorch_tanh", ActivationKind::kGeluTanh},
  };
  const std::string name = text(key, otherwise);
  const auto found = kKnown.find(name);
  if (found != kKnown.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, kind] : kKnown) names.push_back(known);
  problem(key, "\"" + name + "\"", join(names, ", "));
  return ActivationKind::kGelu;
}

void ConfigReader::rope_scaling(ModelSpec& spec, const Json& scaling, const std::string& key) {
  const Json kind = scaling.value("rope_type", scaling.value("type", Json("default")));
  if (kind == "default") return;
  if (kind != "linear" && kind != "llama3") {
    return problem(key + ".rope_type", kind.dump(), "\"default\", \"linear\", \"llama3\"");
  }
  RopeScaling& out = spec.rope_scaling;
  out.kind = kind.get<std::string>();
  out.factor = number_or(scaling, "factor", 0);
  out.low_frequency_factor = number_or(scaling, "low_freq_factor", 1);
  out.high_frequency_factor = number_or(scaling, "high_freq_factor", 4);
  out.original_positions =
      static_cast<std::int64_t>(number_or(scaling, "original_max_position_embeddings", 8192));
  if (!(out.factor > 0)) problem(key + ".factor", "missing or not positive", "a number > 0");
  if (out.high_frequency_factor <= out.low_frequency_factor) {
    problem(key + ".high_freq_factor", fmt::format("{}", out.high_frequency_factor),
            "a number above low_freq_factor");
  }
}

void ConfigReader::rope(ModelSpec& spec, double default_theta, double default_fraction) {
  // transformers 5 writes one object rope_parameters; before, rope_theta stood beside rope_scaling.
  const std::string key = has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json& object = at(key);
  spec.positions = PositionKind::kRotary;
  spec.rope_theta = real("rope_theta", default_theta);
  double fraction = real("partial_rotary_factor", default_fraction);
  if (object.is_object()) {
    spec.rope_theta = number_or(object, "rope_theta", spec.rope_theta);
    fraction = number_or(object, "partial_rotary_factor", fraction);
    rope_scaling(spec, object, key);
  } else if (!object.is_null()) {
    problem(key, object.dump(), "an object");
  }
  spec.rotary_dim = static_cast<std::int64_t>(static_cast<double>(spec.head_dim) * fraction);
  if (spec.rotary_dim % 2 != 0 || spec.rotary_dim < 2 || spec.rotary_dim > spec.head_dim) {
    problem("partial_rotary_factor",
            fmt::format("{}, which rotates {} of {} elements of a head", fraction, spec.rotary_dim,
                        spec.head_dim),
            "a fraction that gives an even count");
  }
}

}  // namespace assay
