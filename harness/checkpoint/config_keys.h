#pragma once
// Keys of config.json that no family reads: known to be harmless, an error, or a remark.

#include <vector>

#include "harness/checkpoint/config_reader.h"

namespace assay {

/// A key that changes no logit, as long as its value is the allowed one.
struct HarmlessKey {
  const char* key;
  const char* allowed = nullptr;  ///< JSON text; null: any value
};

/// Whether a key that is not read passes, with this value, in a family whose own harmless keys are
/// these.
bool is_harmless(const std::vector<HarmlessKey>& of_family, const std::string& key,
                 const Json& value);

/// Judges every key that was not asked for until now. Null says nothing. A harmless key passes with
/// its allowed value. Of the others, one whose name speaks of the computation and whose value
/// switches something on is a problem; the rest are remarks. No key is passed over in silence.
void judge_unread_keys(ConfigReader& config, const std::vector<HarmlessKey>& of_family);

/// A problem when `quantization_config` or a relative of it is there: the tensors then are no plain
/// weights. Names the method that the key tells of.
void refuse_quantised_config(ConfigReader& config);

/// A remark when `architectures` names a class that is run as something else (a causal language
/// model, or an encoder with a classifier or without), or when `auto_map` names code that comes
/// with the model.
void remark_on_classes(ConfigReader& config, bool causal);

}  // namespace assay
