#pragma once
// The rotary positions of a configuration: every spelling, in transformers' order of precedence.

#include "harness/checkpoint/config_reader.h"

namespace assay {

/// How a model type writes what stands outside of the rope object.
struct RopeNames {
  const char* theta = "rope_theta";
  const char* fraction = "partial_rotary_factor";
  double default_fraction = 1.0;
  bool partial = false;         ///< the model type can rotate a part of a head only
  bool older_longrope = false;  ///< "su" and "yarn" are older words for "longrope"
};

/// Reads `rope_scaling` (which wins) or `rope_parameters`, and the keys beside them, into the spec;
/// head_dim and max_positions must be there already. Follows transformers 5.23;
/// docs/formats/model.md has the rules. Problems go to the reader.
void read_rope(ConfigReader& config, ModelSpec& spec, const RopeNames& names = {});

}  // namespace assay
