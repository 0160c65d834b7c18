#pragma once
// Questions with their right answers, to calibrate on.

#include <cstdint>
#include <vector>

namespace assay {

/// A prompt and its right answer as one sequence.
struct AnsweredItem {
  std::vector<std::int64_t> tokens;
  /// The tokens from here on are the answer's; at least 1, and less than there are tokens.
  std::int64_t answer_from = 1;
};

/// Of different lengths, in the order in which they were drawn.
struct AnsweredItems {
  std::vector<AnsweredItem> items;
};

}  // namespace assay
