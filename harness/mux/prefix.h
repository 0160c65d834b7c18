#pragma once
// The prefix by which the layers tell instances apart (Murahari et al. 2022, arXiv:2202.09318,
// section 3.2): row i of N has the mark of instance i in column i and a filler in the others, then
// a token whose row is classified.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay::mux {

/// Ids of the vocabulary.
struct PrefixTokens {
  std::int64_t filler = 0;
  std::int64_t first_mark = 0;  ///< of instance 0; that of instance i is i below it
  std::int64_t classified = 0;
};

/// How many tokens stand in front of each instance.
constexpr std::int64_t prefix_length(std::int64_t instances) { return instances + 1; }

/// Whether a vocabulary has a mark for each instance, a filler and a token to classify.
constexpr bool has_prefix_tokens(std::int64_t vocab, std::int64_t instances) {
  return vocab >= instances + 2;
}

/// As released for BERT's uncased vocabulary of 30522 tokens (filler 680, marks from 678 down,
/// 101), where these are tokens that no text has. In another vocabulary the marks are from the last
/// but one down, as released for RoBERTa, the filler is below them, and the last token is the
/// classified one: texts may have these, rarely, and they are trained like any other. Throws
/// DoesNotApply where there are fewer tokens than that.
PrefixTokens prefix_tokens(std::int64_t vocab, std::int64_t instances);

/// int64 [N, N + 1], on the CPU
at::Tensor prefix_rows(const PrefixTokens& tokens, std::int64_t instances);

}  // namespace assay::mux
