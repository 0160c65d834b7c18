#include "harness/runner/labelled_overlap.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little, "prepared files are little-endian");

struct LabelledTexts {
  std::vector<std::uint64_t> hashes;
  std::vector<std::int32_t> lines;
  Json raw;  ///< files with the number of items of each
};

template <typename Value>
std::vector<Value> read_array(const fs::path& path, std::size_t entries) {
  const std::string bytes = read_text_file(path);
  if (bytes.size() != entries * sizeof(Value)) {
    throw FileError(
        fmt::format("{}: {} bytes, {} entries need {}; remove the folder to have it "
                    "prepared again",
                    path.string(), bytes.size(), entries, entries * sizeof(Value)));
  }
  std::vector<Value> values(entries);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

LabelledTexts read_texts(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  try {
    const Json manifest = read_json_file(path);
    const auto format = manifest.at("format").get<std::string>();
    if (format != "labelled") {
      throw FileError(
          fmt::format("{}: holds a {}, needed is labelled data", path.string(), format));
    }
    const auto items = manifest.at("documents").get<std::size_t>();
    return {.hashes = read_array<std::uint64_t>(folder / "text_hashes.bin", items),
            .lines = read_array<std::int32_t>(folder / "lines.bin", items),
            .raw = manifest.at("raw")};
  } catch (const Json::exception& error) {
    throw FileError(fmt::format("{}: {}; remove the folder to have it prepared again",
                                path.string(), error.what()));
  }
}

/// "train.tsv:12"
std::string place_of(const LabelledTexts& texts, std::size_t item) {
  std::size_t first = 0;
  for (const Json& file : texts.raw) {
    first += file.at("items").get<std::size_t>();
    if (item < first) {
      return fmt::format("{}:{}", file.at("file").get<std::string>(), texts.lines[item]);
    }
  }
  return fmt::format("item {}", item + 1);
}

}  // namespace

LabelledOverlap overlap_of(const fs::path& training, const fs::path& evaluation) {
  return from_files([&] {
    const LabelledTexts trained = read_texts(training), held = read_texts(evaluation);
    std::unordered_map<std::uint64_t, std::size_t> known;
    for (std::size_t i = 0; i < held.hashes.size(); ++i) known.emplace(held.hashes[i], i);
    LabelledOverlap overlap;
    for (std::size_t i = 0; i < trained.hashes.size(); ++i) {
      const auto found = known.find(trained.hashes[i]);
      if (found == known.end() || overlap.items++ > 0) continue;
      overlap.training = place_of(trained, i);
      overlap.evaluation = place_of(held, found->second);
    }
    return overlap;
  });
}

}  // namespace assay
