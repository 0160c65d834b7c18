#pragma once
// Small random models in Hugging Face format, for tests of methods.

#include <cstdint>
#include <filesystem>

namespace assay {

enum class TinyFamily {
  kLlama,  ///< gated FFN, grouped-query attention, RMS norm
  kOpt,    ///< plain FFN with ReLU, biases, layer norm
  kBert,   ///< an encoder: plain FFN with GELU, norms behind the residual, a classifier
  /// norms before and behind each block, beside 1; over each head of q and k; rows scaled, scores
  /// of the vocabulary capped; layers with a window, which turn otherwise
  kGemma3,
  kOlmo2,  ///< norms behind each block alone, and over q and k of all heads together
  /// mixtures of 4 experts of half the neurons, of which a token takes 2, around a plain layer
  kQwen3Moe,
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
