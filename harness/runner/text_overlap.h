#pragma once
// What two prepared texts have in common, token by token: a model must not be trained on the text
// that it is judged by, whatever name the text has there.

#include <cstdint>
#include <filesystem>

namespace assay {

/// The evaluated text is cut into stretches of so many tokens (fewer where it is shorter).
inline constexpr std::int64_t kOverlapTokens = 32;

struct TextOverlap {
  std::int64_t stretches = 0;  ///< of the evaluated text
  std::int64_t known = 0;      ///< of them, those that stand in the training text word for word
  /// Where the first of them begins, in tokens from 0.
  std::int64_t training = 0, evaluation = 0;
  /// More than what texts of one kind share by chance (headings, boilerplate): one in a hundred.
  [[nodiscard]] bool too_much() const { return known * 100 > stretches; }
};

/// Of two prepared streams of one tokenizer. `trained`: how many tokens of the training text are
/// used, from its beginning on; 0: all. Throws FileError for a folder that is missing, damaged or
/// of another format.
TextOverlap text_overlap(const std::filesystem::path& training,
                         const std::filesystem::path& evaluation, std::int64_t trained);

}  // namespace assay
