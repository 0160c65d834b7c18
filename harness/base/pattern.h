#pragma once
// N:M sparsity patterns as text.

#include <cstdint>
#include <optional>
#include <string>

namespace assay {

/// "N:M": prune N of every M consecutive inputs of a row. group == 0: unstructured.
struct Pattern {
  std::int64_t prune = 0;
  std::int64_t group = 0;
  [[nodiscard]] bool structured() const { return group > 0; }
  /// Part of the weights that a structured pattern removes.
  [[nodiscard]] double ratio() const {
    return static_cast<double>(prune) / static_cast<double>(group);
  }
};

/// "unstructured" or "N:M" with 1 <= N < M; nothing for any other text.
std::optional<Pattern> pattern_from_text(const std::string& text);

/// What a sparsity says against a pattern, or "". A structured pattern has a sparsity of its own;
/// the default is no contradiction.
std::string pattern_contradiction(const std::string& text, double sparsity,
                                  double default_sparsity);

}  // namespace assay
