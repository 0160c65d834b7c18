#include "harness/runner/labelled_overlap.h"

#include <fmt/format.h>

#include <unordered_map>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/data/prepared_folder.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

struct LabelledTexts {
  std::vector<std::uint64_t> hashes;
  std::vector<std::int32_t> lines;
  Json raw;  ///< files with the number of items of each
};

LabelledTexts read_texts(const fs::path& path) {
  const PreparedFolder folder(path, "labelled");
  const std::size_t items = folder.count("documents");
  return {.hashes = folder.read_array<std::uint64_t>("text_hashes.bin", items),
          .lines = folder.read_array<std::int32_t>("lines.bin", items),
          .raw = folder.reading("manifest.json", [&] { return folder.manifest().at("raw"); })};
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
