#include "harness/model/packed_sequences.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <cstdint>

namespace assay {

PackedTokens pack_sequences(const std::vector<at::Tensor>& sequences,
                            const std::vector<at::Tensor>& token_types) {
  PackedTokens packed;
  std::vector<at::Tensor> positions;
  std::int64_t offset = 0;
  for (const at::Tensor& sequence : sequences) {
    const std::int64_t length = sequence.size(0);
    packed.segments.push_back({offset, length, {}});
    positions.push_back(at::arange(length, sequence.options()));
    offset += length;
  }
  packed.tokens = at::cat(sequences);
  packed.positions = at::cat(positions);
  if (!token_types.empty()) packed.token_types = at::cat(token_types).to(packed.tokens.device());
  return packed;
}

}  // namespace assay
