// A safetensors file: what is accepted is read to its last byte.

#include <cstdlib>
#include <span>

#include "fuzz/target.h"
#include "harness/base/errors.h"
#include "harness/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    std::size_t all = 0;
    unsigned sum = 0;
    for (const assay::StoredTensor& tensor : assay::read_safetensors("x.safetensors", file)) {
      for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
      all += tensor.bytes.size();
    }
    // Each byte behind the header belongs to one tensor; `sum` only has to be computed.
    if (all > size || sum > 255 * size) std::abort();
  } catch (const assay::UserError&) {
    return 0;
  }
  return 0;
}
