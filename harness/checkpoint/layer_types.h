#pragma once
// Which layers see a window only: `layer_types`, and the keys that stand for it.

#include <functional>
#include <string>
#include <vector>

#include "harness/checkpoint/config_reader.h"

namespace assay {

/// Sets layer_windows from `layer_types` ("full_attention", "sliding_attention", and "attention",
/// an older word for the first), or where that is absent or null from `slides`, which says for each
/// layer whether it has the window. `window` 0: none is configured. Problems go to the reader.
void read_layer_types(ConfigReader& config, ModelSpec& spec, std::int64_t window,
                      const std::function<bool(std::int64_t layer)>& slides);

/// A problem when a layer is anything but "full_attention": for model types whose layers all see
/// everything.
void require_full_attention(ConfigReader& config, const ModelSpec& spec);

}  // namespace assay
