#include "harness/checkpoint/lfs_pointer.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <string_view>
#include <vector>

#include "harness/base/errors.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";

std::string message(const fs::path& path) {
  return fmt::format(
      "{}: this is a Git LFS pointer, not the file itself; allowed: the file. Run: git -C '{}' lfs "
      "pull",
      path.string(), path.parent_path().string());
}

}  // namespace

bool is_lfs_pointer(const fs::path& path) {
  std::error_code missing;
  if (!fs::is_regular_file(path, missing)) return false;
  std::array<char, kStart.size()> start{};
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), start.size());
  return file.gcount() == static_cast<std::streamsize>(start.size()) &&
         std::string_view(start.data(), start.size()) == kStart;
}

void refuse_lfs_pointer(const fs::path& path) {
  if (is_lfs_pointer(path)) throw UserError(message(path));
}

void refuse_lfs_pointers(const fs::path& folder) {
  std::vector<std::string> problems;
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors.index.json",
                           "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model"}) {
    if (is_lfs_pointer(folder / name)) problems.push_back(message(folder / name));
  }
  if (!problems.empty()) throw UserError(problems);
}

}  // namespace assay
