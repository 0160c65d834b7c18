#pragma once
// The rotary positions of a configuration: every spelling, in transformers' order of precedence.

#include "harness/checkpoint/config_reader.h"

namespace assay {

/// How a model type writes what stands outside of the rope object.
struct RopeNames {
  const char* theta = "rope_theta";
  const char* fraction = "partial_rotary_factor";
  double default_theta = 10000.0;
  double default_fraction = 1.0;
  bool partial = false;  ///< the model type can rotate a part of a head only
  /// No other scaling than "longrope", for which "su" and "yarn" are older words (Phi-3).
  bool longrope_only = false;
  /// Length before scaling where the key at top level is absent: it wins over the rope object's. 0:
  /// there is no such default.
  std::int64_t default_original = 0;
};

/// Reads `rope_scaling` (which wins) or `rope_parameters`, and the keys beside them, into the spec;
/// head_dim and max_positions must be there already. Follows transformers 5.23;
/// docs/formats/model.md has the rules. Problems go to the reader.
void read_rope(ConfigReader& config, ModelSpec& spec, const RopeNames& names = {});

/// The same where layers with a window rotate by a rope object of their own: `rope_parameters`
/// holds "full_attention" and "sliding_attention", and an older `rope_scaling` is that of the
/// first.
void read_layer_ropes(ConfigReader& config, ModelSpec& spec, const RopeNames& full,
                      const RopeNames& windowed);

}  // namespace assay
