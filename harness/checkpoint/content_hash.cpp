#include "harness/checkpoint/content_hash.h"

#include <cstring>
#include <span>

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

}  // namespace

std::map<std::string, TensorContent> tensor_contents(const SafetensorsFile& file) {
  const auto compute = [&] {
    Json contents = Json::object();
    for (const StoredTensor& tensor : file.tensors) {
      Sha256 hash;
      hash.update(tensor.bytes);
      contents[tensor.name] = {hash.hex(), count_nonfinite(tensor)};
    }
    return contents;
  };
  // Of the file that is mapped, whatever stands under its name by now.
  const auto identify = [&] { return file.map->identity(); };
  const Json contents =
      remembered_of_file("tensor_contents", file.path.string(), identify, compute);
  std::map<std::string, TensorContent> result;
  for (const auto& [name, content] : contents.items()) {
    result[name] = {content.at(0).get<std::string>(), content.at(1).get<std::int64_t>()};
  }
  return result;
}

}  // namespace assay
