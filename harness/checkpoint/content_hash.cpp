#include "harness/checkpoint/content_hash.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/hash_cache.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace {

// Numbers with all exponent bits set are NaN or infinity.
template <typename Word>
std::int64_t count_nonfinite(std::span<const std::byte> bytes, Word exponent) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at + sizeof(Word) <= bytes.size(); at += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes.data() + at, sizeof(Word));
    count += (word & exponent) == exponent ? 1 : 0;
  }
  return count;
}

std::int64_t count_nonfinite(const StoredTensor& tensor) {
  if (tensor.dtype == "F32") return count_nonfinite<std::uint32_t>(tensor.bytes, 0x7F800000U);
  if (tensor.dtype == "BF16") return count_nonfinite<std::uint16_t>(tensor.bytes, 0x7F80U);
  if (tensor.dtype == "F16") return count_nonfinite<std::uint16_t>(tensor.bytes, 0x7C00U);
  return 0;
}

void check_finite(const SafetensorsFile& file) {
  std::vector<std::string> problems;
  for (const StoredTensor& tensor : file.tensors) {
    const std::int64_t count = count_nonfinite(tensor);
    if (count == 0) continue;
    problems.push_back(
        fmt::format("{}: tensor '{}' has {} values that are NaN or infinite; allowed: none",
                    file.path.string(), tensor.name, count));
  }
  if (!problems.empty()) throw UserError(problems);
}

}  // namespace

std::map<std::string, std::string> tensor_hashes(const SafetensorsFile& file) {
  const auto compute = [&] {
    check_finite(file);
    Json hashes = Json::object();
    for (const StoredTensor& tensor : file.tensors) {
      Sha256 hash;
      hash.update(tensor.bytes);
      hashes[tensor.name] = hash.hex();
    }
    return hashes;
  };
  // Of the file that is mapped, whatever stands under its name by now.
  const auto identify = [&] { return file.map->identity(); };
  return remembered_of_file("tensors", file.path.string(), identify, compute)
      .get<std::map<std::string, std::string>>();
}

}  // namespace assay
