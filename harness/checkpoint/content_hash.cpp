#include "harness/checkpoint/content_hash.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kCacheVersion = 1;

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

fs::path cache_path(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const std::string key =
      fmt::format("{}-{}-{}-{}.{:09}", status.st_dev, status.st_ino, status.st_size,
                  status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  return assay_home() / "hashes" / (sha256_hex(key) + ".json");
}

std::optional<std::map<std::string, std::string>> read_cache(const fs::path& path) {
  try {
    if (path.empty() || !fs::exists(path)) return std::nullopt;
    const Json document = read_json_file(path);
    if (document.at("version") != kCacheVersion) return std::nullopt;
    return document.at("tensors").get<std::map<std::string, std::string>>();
  } catch (const std::exception&) {
    return std::nullopt;  // an unreadable entry only costs a second hash
  }
}

void write_cache(const fs::path& path, const std::map<std::string, std::string>& hashes) {
  if (path.empty()) return;
  try {
    ensure_folder(path.parent_path());
    write_file_atomically(path, canonical_json({{"version", kCacheVersion}, {"tensors", hashes}}));
  } catch (const MachineError&) {
    // A home that cannot be written costs a hash on each run, nothing else.
  }
}

}  // namespace

std::map<std::string, std::string> tensor_hashes(const SafetensorsFile& file) {
  const fs::path cache = cache_path(file.path);
  if (auto known = read_cache(cache)) return *known;
  check_finite(file);
  std::map<std::string, std::string> hashes;
  for (const StoredTensor& tensor : file.tensors) {
    Sha256 hash;
    hash.update(tensor.bytes);
    hashes[tensor.name] = hash.hex();
  }
  write_cache(cache, hashes);
  return hashes;
}

}  // namespace assay
