#include "harness/mux/prefix.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <stdexcept>

namespace assay::mux {
namespace {

constexpr std::int64_t kUncased = 30522;     ///< tokens of BERT's uncased vocabulary
constexpr std::int64_t kLastReserved = 103;  ///< [MASK]; from here to 999 it names no text
constexpr PrefixTokens kReleased{.filler = 680, .first_mark = 678, .classified = 101};

}  // namespace

PrefixTokens prefix_tokens(std::int64_t vocab, std::int64_t instances) {
  if (vocab == kUncased && kReleased.first_mark - instances >= kLastReserved) return kReleased;
  if (!has_prefix_tokens(vocab, instances)) {
    throw std::logic_error("a vocabulary too small for a prefix");
  }
  return {.filler = vocab - 2 - instances, .first_mark = vocab - 2, .classified = vocab - 1};
}

at::Tensor prefix_rows(const PrefixTokens& tokens, std::int64_t instances) {
  at::Tensor rows = at::full({instances, prefix_length(instances)}, tokens.filler, at::kLong);
  rows.narrow(1, 0, instances)
      .diagonal()
      .copy_(at::arange(tokens.first_mark, tokens.first_mark - instances, -1, at::kLong));
  rows.select(1, instances).fill_(tokens.classified);
  return rows;
}

}  // namespace assay::mux
