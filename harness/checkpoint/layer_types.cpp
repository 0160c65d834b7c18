#include "harness/checkpoint/layer_types.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

constexpr const char* kKey = "layer_types";

// The words of the list; empty when there is none or it is wrong.
std::vector<std::string> words_of(ConfigReader& config, std::int64_t layers) {
  const Json& list = config.at(kKey);
  if (list.is_null()) return {};
  const auto is_word = [](const Json& entry) { return entry.is_string(); };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_word) ||
      std::ssize(list) != layers) {
    config.problem(kKey, list.dump(), fmt::format("a list of {} words, one a layer", layers));
    return {};
  }
  auto words = list.get<std::vector<std::string>>();
  std::replace(words.begin(), words.end(), std::string("attention"), std::string("full_attention"));
  return words;
}

void refuse_word(ConfigReader& config, std::size_t layer, const std::string& word,
                 const char* allowed) {
  config.problem(fmt::format("{}[{}]", kKey, layer), "\"" + word + "\"", allowed);
}

}  // namespace

void read_layer_types(ConfigReader& config, ModelSpec& spec, std::int64_t window,
                      const std::function<bool(std::int64_t layer)>& slides) {
  const std::vector<std::string> words = words_of(config, spec.layers);
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    const bool sliding = words.empty() ? slides(layer) : words[index] == "sliding_attention";
    if (!words.empty() && !sliding && words[index] != "full_attention") {
      refuse_word(config, index, words[index], "\"full_attention\", \"sliding_attention\"");
    } else if (sliding && window == 0) {
      refuse_word(config, index, "sliding_attention",
                  "\"full_attention\", since no sliding_window is set or it is switched off");
    }
    windows.push_back(sliding ? window : 0);
  }
  const bool none = std::all_of(windows.begin(), windows.end(), [](auto w) { return w == 0; });
  if (!none) spec.layer_windows = std::move(windows);
}

std::int64_t configured_window(ConfigReader& config, std::int64_t absent) {
  constexpr const char* kWindow = "sliding_window";
  const bool none = config.names(kWindow) && !config.has(kWindow);
  return none ? 0 : config.count(kWindow, absent);
}

void read_switched_window(ConfigReader& config, ModelSpec& spec, std::int64_t absent,
                          const std::function<bool(std::int64_t layer)>& slides) {
  const bool on = config.flag("use_sliding_window", false);
  const std::int64_t configured = configured_window(config, absent);
  const std::int64_t window = on ? configured : 0;
  read_layer_types(config, spec, window,
                   [&](std::int64_t layer) { return window > 0 && slides(layer); });
}

void read_late_window(ConfigReader& config, ModelSpec& spec) {
  const std::int64_t from = config.whole("max_window_layers", 28);
  read_switched_window(config, spec, 4096, [&](std::int64_t layer) { return layer >= from; });
}

void require_full_attention(ConfigReader& config, const ModelSpec& spec) {
  const std::vector<std::string> words = words_of(config, spec.layers);
  for (std::size_t layer = 0; layer < words.size(); ++layer) {
    if (words[layer] == "full_attention") continue;
    refuse_word(config, layer, words[layer],
                "\"full_attention\", since transformers runs no other in models of this type");
  }
}

}  // namespace assay
