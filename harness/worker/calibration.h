#pragma once
// Calibration sequences out of a prepared stream, as the published scripts draw them.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "harness/protocol/protocol.h"

namespace assay {

/// Tokens of a prepared stream; documents only when they were kept apart.
struct CalibrationText {
  std::vector<std::int32_t> tokens;            ///< the whole split, tokenised in one call
  std::vector<std::int32_t> document_tokens;   ///< each document tokenised alone
  std::vector<std::int64_t> document_offsets;  ///< D + 1 places in document_tokens
};

/// Reads what `sampling` needs. Throws UserError for a missing, damaged or lying file.
CalibrationText read_calibration_text(const std::filesystem::path& folder,
                                      const std::string& sampling);

/// "documents", the recipe of SparseGPT, Wanda and RIA with `random.seed(seed)`: draw a document
/// with randint(0, D - 1) until one has more than `tokens` tokens, then its crop's start with
/// randint(0, n - tokens - 1). `documents` are offsets into `all`.
/// Returns samples * tokens tokens. Throws UserError when no document is long enough.
std::vector<std::int32_t> sample_documents(std::span<const std::int32_t> all,
                                           std::span<const std::int64_t> offsets,
                                           std::int64_t samples, std::int64_t tokens,
                                           std::uint64_t seed);

/// "stream": a start a sample with randint(0, n - tokens - 1), as the same scripts do for a text
/// that is one stream. Throws UserError when the text is too short.
std::vector<std::int32_t> sample_stream(std::span<const std::int32_t> all, std::int64_t samples,
                                        std::int64_t tokens, std::uint64_t seed);

/// Reads and samples as the request says.
std::vector<std::int32_t> sample_calibration(const CalibrationRequest& request, std::uint64_t seed);

}  // namespace assay
