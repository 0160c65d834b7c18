#pragma once
// Plain text to train on, as token ids.

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

/// Whole windows of one length, one behind the other, in the order of the text.
struct TrainingText {
  std::vector<std::int32_t> tokens;
  std::int64_t window = 0;  ///< tokens of each, 2 or more

  [[nodiscard]] std::int64_t windows() const {
    return static_cast<std::int64_t>(tokens.size()) / window;
  }
  /// The tokens of `count` windows from `first` on.
  [[nodiscard]] std::span<const std::int32_t> part(std::int64_t first, std::int64_t count) const {
    return std::span(tokens).subspan(static_cast<std::size_t>(first * window),
                                     static_cast<std::size_t>(count * window));
  }
};

}  // namespace assay
