#pragma once
// Small random models in Hugging Face format, for tests of methods.

#include <cstdint>
#include <filesystem>

namespace assay {

enum class TinyFamily {
  kLlama,  ///< gated FFN, grouped-query attention, RMS norm
  kOpt,    ///< plain FFN with ReLU, biases, layer norm
  kBert,   ///< an encoder: plain FFN with GELU, norms behind the residual, a classifier
};

/// Writes config.json and model.safetensors (f32) of 3 layers of width 32, FFN 64, 4 heads,
/// vocabulary 96 into `folder` (created). The same seed gives the same bytes.
void write_tiny_model(const std::filesystem::path& folder, TinyFamily family, std::uint64_t seed);

/// Positions that a tiny model has, and its vocabulary.
inline constexpr std::int64_t kTinyPositions = 64;
inline constexpr std::int64_t kTinyVocab = 96;
/// Classes of the encoder.
inline constexpr std::int64_t kTinyClasses = 3;

}  // namespace assay
