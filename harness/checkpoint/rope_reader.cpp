#include "harness/checkpoint/rope_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay {
namespace {

constexpr const char* kKinds =
    "\"default\", \"linear\", \"dynamic\", \"llama3\", \"yarn\", \"longrope\"";

constexpr const char* kOnlyLong = "\"default\", \"longrope\"";

// A factor that transformers requires.
double factor_of(ConfigReader& rope, const char* key) { return rope.real(key, {}); }

// The length before scaling: the key at top level, or what stands for it, wins, then the rope
// object's, then the length that the configuration has now.
std::int64_t original_positions(ConfigReader& config, ConfigReader& rope, const ModelSpec& spec,
                                const RopeNames& names) {
  constexpr const char* kKey = "original_max_position_embeddings";
  const std::int64_t inside = rope.count(kKey, spec.max_positions);
  if (!config.has(kKey) && names.default_original == 0) return inside;
  const std::int64_t outside = config.count(kKey, names.default_original);
  if (rope.has(kKey) && inside != outside) {
    rope.remark(kKey, fmt::format("is {}, and '{}' at top level, {}, counts, as in transformers",
                                  inside, kKey, outside));
  }
  return outside;
}

double yarn_scale(double factor, double weight) {
  return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

void read_yarn(ConfigReader& config, ConfigReader& rope, ModelSpec& spec, const RopeNames& names) {
  RopeScaling& out = spec.rope_scaling;
  out.original_positions = original_positions(config, rope, spec, names);
  // Null asks for the ratio of the two lengths; a missing factor is an error.
  const bool ratio = rope.names("factor") && !rope.has("factor");
  out.factor =
      ratio ? static_cast<double>(spec.max_positions) / static_cast<double>(out.original_positions)
            : factor_of(rope, "factor");
  out.beta_fast = rope.real("beta_fast", 32.0);
  out.beta_slow = rope.real("beta_slow", 1.0);
  out.truncate = rope.flag("truncate", !rope.names("truncate"));  // null is false there
  const bool weighted = rope.has("mscale") && rope.has("mscale_all_dim");
  const double over = rope.real("mscale", 1.0), under = rope.real("mscale_all_dim", 1.0);
  const double found = weighted ? yarn_scale(out.factor, over) / yarn_scale(out.factor, under)
                                : yarn_scale(out.factor, 1.0);
  out.attention_factor = rope.real("attention_factor", found);
}

void read_llama3(ConfigReader& config, ConfigReader& rope, ModelSpec& spec,
                 const RopeNames& names) {
  RopeScaling& out = spec.rope_scaling;
  out.factor = factor_of(rope, "factor");
  out.low_frequency_factor = factor_of(rope, "low_freq_factor");
  out.high_frequency_factor = factor_of(rope, "high_freq_factor");
  out.original_positions = original_positions(config, rope, spec, names);
  if (rope.has("low_freq_factor") && rope.has("high_freq_factor") &&
      out.high_frequency_factor <= out.low_frequency_factor) {
    rope.problem("high_freq_factor", fmt::format("{}", out.high_frequency_factor),
                 "a number above low_freq_factor");
  }
}

std::vector<double> factors_of(ConfigReader& rope, const char* key, const ModelSpec& spec) {
  const Json& list = rope.at(key);
  const auto is_factor = [](const Json& entry) { return entry.is_number() && entry > 0; };
  const std::int64_t count = spec.rotary_dim / 2;
  if (list.is_array() && std::ssize(list) == count &&
      std::all_of(list.begin(), list.end(), is_factor)) {
    return list.get<std::vector<double>>();
  }
  rope.problem(key, list.is_null() ? "missing" : list.dump(),
               fmt::format("a list of {} numbers > 0, one for each frequency", count));
  return {};
}

void read_longrope(ConfigReader& config, ConfigReader& rope, ModelSpec& spec,
                   const RopeNames& names) {
  RopeScaling& out = spec.rope_scaling;
  out.original_positions = original_positions(config, rope, spec, names);
  out.short_factors = factors_of(rope, "short_factor", spec);
  out.long_factors = factors_of(rope, "long_factor", spec);
  const auto original = static_cast<double>(out.original_positions);
  const double ratio = rope.real("factor", static_cast<double>(spec.max_positions) / original);
  const double found = ratio <= 1 ? 1.0 : std::sqrt(1 + std::log(ratio) / std::log(original));
  out.attention_factor = rope.real("attention_factor", found);
}

// Where it scales nothing, a length may stand there, and a factor of 1.
void read_plain(ConfigReader& rope) {
  (void)rope.at("original_max_position_embeddings");
  const Json& factor = rope.at("factor");
  if (factor.is_null() || factor == 1) return;
  rope.problem("factor", factor.dump() + " with rope_type \"default\"", "no such key");
}

std::string kind_of(ConfigReader& rope) {
  const std::string older = rope.text("type", "default");
  const std::string kind = rope.text("rope_type", older);
  if (rope.has("type") && kind != older) {
    rope.remark(
        "type",
        fmt::format("is \"{}\", and 'rope_type', \"{}\", counts, as in transformers", older, kind));
  }
  return kind;
}

void read_dynamic(ConfigReader& rope, ModelSpec& spec) {
  spec.rope_scaling.factor = factor_of(rope, "factor");
  spec.rope_scaling.original_positions = spec.max_positions;
  rope.require_count("original_max_position_embeddings", spec.max_positions,
                     "max_position_embeddings, which dynamic scaling starts from");
  if (spec.rotary_dim > 2) return;
  rope.problem("rope_type", "\"dynamic\"", "another; its base has no value for a single frequency");
}

void read_scaling(ConfigReader& config, ConfigReader& rope, ModelSpec& spec,
                  const RopeNames& names) {
  std::string kind = kind_of(rope);
  if (kind == "default") return read_plain(rope);
  if (names.longrope_only) {
    if (kind == "su" || kind == "yarn") kind = "longrope";
    if (kind != "longrope") return rope.problem("rope_type", "\"" + kind + "\"", kOnlyLong);
  }
  spec.rope_scaling.kind = kind;
  if (kind == "linear") {
    spec.rope_scaling.factor = factor_of(rope, "factor");
  } else if (kind == "dynamic") {
    read_dynamic(rope, spec);
  } else if (kind == "llama3") {
    read_llama3(config, rope, spec, names);
  } else if (kind == "yarn") {
    read_yarn(config, rope, spec, names);
  } else if (kind == "longrope") {
    read_longrope(config, rope, spec, names);
  } else {
    rope.problem("rope_type", "\"" + kind + "\"", kKinds);
  }
}

// The object wins over the key beside it; null beside it stands for nothing that could be read.
double beside_or_inside(ConfigReader& config, ConfigReader& rope, const char* beside,
                        const char* inside, double otherwise) {
  if (config.names(beside) && !config.has(beside) && !rope.has(inside)) {
    config.problem(beside, "null", "a number > 0");
  }
  const double outside = config.real(beside, otherwise);
  const double value = rope.real(inside, outside);
  if (config.has(beside) && value != outside) {
    config.remark(beside, fmt::format("is {}, and the rope object's '{}', {}, counts, as in "
                                      "transformers",
                                      outside, inside, value));
  }
  return value;
}

// A second spelling that transformers does not read for this model type has to say the same.
void require_same(ConfigReader& config, const char* key, const char* counts, double value) {
  const Json& other = config.at(key);
  if (other.is_null() || std::string(key) == counts) return;
  if (other.is_number() && other.get<double>() == value) return;
  config.problem(key, other.dump(), fmt::format("{}, as '{}' says or implies", value, counts));
}

void set_rotated_part(ConfigReader& config, ModelSpec& spec, const RopeNames& names,
                      double fraction) {
  spec.rotary_dim = static_cast<std::int64_t>(static_cast<double>(spec.shape.head_dim) * fraction);
  if (!names.partial && fraction != 1.0) {
    config.problem(names.fraction, fmt::format("{}", fraction),
                   "1; transformers rotates whole heads in models of this type");
  } else if (spec.rotary_dim % 2 != 0 || spec.rotary_dim < 2 ||
             spec.rotary_dim > spec.shape.head_dim) {
    config.problem(names.fraction,
                   fmt::format("{}, which rotates {} of {} elements of a head", fraction,
                               spec.rotary_dim, spec.shape.head_dim),
                   "a fraction that gives an even count");
  }
}

bool is_filled(const Json& value) { return value.is_object() && !value.empty(); }

// transformers takes `rope_scaling` whole when it is filled, and forgets `rope_parameters`.
std::string object_that_counts(ConfigReader& config) {
  const Json& older = config.at("rope_scaling");
  const Json& newer = config.at("rope_parameters");
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json& value = config.at(key);
    if (!value.is_null() && !value.is_object()) config.problem(key, value.dump(), "an object");
  }
  if (!is_filled(older)) return "rope_parameters";
  if (is_filled(newer) && newer != older) {
    config.remark("rope_parameters",
                  "is not read: 'rope_scaling' beside it counts, as in transformers 5");
  }
  return "rope_scaling";
}

void refuse_other_keys(ConfigReader& rope) {
  (void)rope.at("finetuned");  // how the scaled model came about
  for (const std::string& key : rope.unread()) {
    const Json& value = rope.at(key);
    rope.problem(
        key, value.dump(),
        value.is_object() ? "one rope object for all layers" : "no such key with this rope_type");
  }
}

/// One rope object, and what stands beside it.
void read_rope_object(ConfigReader& config, ConfigReader& rope, ModelSpec& spec,
                      const RopeNames& names) {
  spec.positions = PositionKind::kRotary;
  spec.rope_theta = beside_or_inside(config, rope, names.theta, "rope_theta", names.default_theta);
  const double fraction = beside_or_inside(config, rope, names.fraction, "partial_rotary_factor",
                                           names.default_fraction);
  require_same(config, "partial_rotary_factor", names.fraction, fraction);
  set_rotated_part(config, spec, names, fraction);
  read_scaling(config, rope, spec, names);
  refuse_other_keys(rope);
}

}  // namespace

void read_rope(ConfigReader& config, ModelSpec& spec, const RopeNames& names) {
  ConfigReader rope = config.table(object_that_counts(config));
  (void)config.at("original_max_position_embeddings");
  read_rope_object(config, rope, spec, names);
  require_same(config, "rope_theta", names.theta, spec.rope_theta);
  config.take(rope);
}

void read_layer_ropes(ConfigReader& config, ModelSpec& spec, const RopeNames& full,
                      const RopeNames& windowed) {
  const Json& older = config.at("rope_scaling");
  const Json& newer = config.at("rope_parameters");
  if (!newer.is_null() && !newer.is_object()) {
    config.problem("rope_parameters", newer.dump(), "an object for each kind of layer");
  }
  ConfigReader both = config.table("rope_parameters");
  ConfigReader of_windows = both.table("sliding_attention"),
               of_others = both.table("full_attention");
  for (const std::string& key : both.unread()) {
    both.problem(key, both.at(key).dump(), "\"full_attention\", \"sliding_attention\"");
  }
  if (is_filled(older) && is_filled(both.at("full_attention"))) {
    config.problem("rope_scaling", older.dump(), "null beside rope_parameters.full_attention");
  }
  ConfigReader scaled = config.table("rope_scaling");
  ModelSpec windows = spec;
  read_rope_object(config, of_windows, windows, windowed);
  read_rope_object(config, is_filled(older) ? scaled : of_others, spec, full);
  if (!windows.rope_scaling.is_fixed()) {
    of_windows.problem("rope_type", "\"" + windows.rope_scaling.kind + "\"",
                       "\"default\", \"linear\", \"llama3\", \"yarn\"");
  }
  spec.window_rope_theta = windows.rope_theta;
  spec.window_rope_scaling = windows.rope_scaling;
  for (const ConfigReader* reader : {&of_windows, &of_others, &scaled, &both}) config.take(*reader);
}

}  // namespace assay
