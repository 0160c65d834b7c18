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

/// `sliding_window`; `absent` where there is no such key, 0 (none) where it is null.
std::int64_t configured_window(ConfigReader& config, std::int64_t absent);

/// A configured window of the layers that `slides`, or `layer_types`, names; none unless
/// `use_sliding_window` is true.
void read_switched_window(ConfigReader& config, ModelSpec& spec, std::int64_t absent,
                          const std::function<bool(std::int64_t layer)>& slides);

/// Qwen's: a switched one, from layer `max_window_layers` on.
void read_late_window(ConfigReader& config, ModelSpec& spec);

/// A problem when a layer is anything but "full_attention": for model types whose layers all see
/// everything.
void require_full_attention(ConfigReader& config, const ModelSpec& spec);

}  // namespace assay
