#pragma once
// A configuration that says of a changed model what the original's says of the original.

#include <map>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/family.h"

namespace assay {

/// Keys of config.json with their new values.
using ConfigChanges = std::map<std::string, Json>;

/// The changes after which the configuration reads as `wanted`, whose layers are all alike unless
/// the family says how they differ. Throws
/// DoesNotApply naming what this type of model has no key for.
ConfigChanges config_changes(const Checkpoint& original, const ModelSpec& wanted);

/// Keys of the number type of the weights, as the original has them; `dtype` is "float32",
/// "bfloat16" or "float16".
ConfigChanges dtype_changes(const Json& config, const std::string& dtype);

/// The rows of the family's table for this configuration.
std::vector<ConfigKey> written_keys(const Checkpoint& original);

/// True when the configuration can say this field of a layer's shape.
bool can_say(const std::vector<ConfigKey>& keys, std::int64_t LayerShape::*field);

/// Where one key says of several blocks whether they have biases, and one has, all have.
void join_biases(const std::vector<ConfigKey>& keys, ModelSpec& spec);

}  // namespace assay
