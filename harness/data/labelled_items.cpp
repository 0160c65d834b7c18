#include "harness/data/labelled_items.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// 8 bytes an item, as they stand in the file -> 16 digits.
std::vector<std::string> read_hashes(const PreparedFolder& folder, const char* file,
                                     std::size_t items) {
  const std::string bytes = folder.read_counted(file, items, 8);
  std::vector<std::string> hashes(items);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    hashes[i / 8] += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return hashes;
}

void check_offsets(const PreparedFolder& folder, const LabelledItems& items) {
  constexpr const char* kFile = "offsets.bin";
  const auto& offsets = items.offsets;
  const bool whole =
      offsets.front() == 0 && offsets.back() == static_cast<std::int64_t>(items.tokens.size());
  if (!whole) folder.fail(kFile, "offsets do not cover the tokens");
  const auto found = std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal<>());
  if (found == offsets.end()) return;
  folder.fail(kFile, fmt::format("offsets must ascend, and item {} ends where it begins or before",
                                 found - offsets.begin()));
}

void check_labels(const PreparedFolder& folder, const LabelledItems& items) {
  const auto classes = static_cast<std::int32_t>(items.label_names.size());
  for (std::size_t i = 0; i < items.labels.size(); ++i) {
    if (items.labels[i] >= 0 && items.labels[i] < classes) continue;
    folder.fail("labels.bin", fmt::format("item {} has class {}; there are {}, from 0", i,
                                          items.labels[i], classes));
  }
}

void check_tokens(const PreparedFolder& folder, const LabelledItems& items) {
  if (std::any_of(items.tokens.begin(), items.tokens.end(), [](auto token) { return token < 0; })) {
    folder.fail("tokens.bin", "a token is negative");
  }
  const auto& types = items.token_types;
  if (std::any_of(types.begin(), types.end(), [](auto type) { return type > 1; })) {
    folder.fail("token_types.bin", "a segment is neither 0 nor 1");
  }
}

void read_description(const PreparedFolder& folder, LabelledItems& items) {
  const Json& manifest = folder.manifest();
  items.dataset = manifest.value("dataset", "");
  items.split = manifest.value("split", "");
  items.label_names = manifest.at("labels").get<std::vector<std::string>>();
  items.max_tokens = manifest.at("max_tokens").get<std::int64_t>();
  items.truncated = manifest.at("truncated").get<std::int64_t>();
  items.notes = folder.notes();
}

LabelledItems read_folder(const PreparedFolder& folder) {
  LabelledItems items;
  folder.reading("manifest.json", [&] { read_description(folder, items); });
  const std::size_t tokens = folder.count("tokens"), count = folder.count("documents");
  items.tokens = folder.read_array<std::int32_t>("tokens.bin", tokens);
  items.token_types = folder.read_array<std::uint8_t>("token_types.bin", tokens);
  items.offsets = folder.read_array<std::int64_t>("offsets.bin", count + 1);
  items.labels = folder.read_array<std::int32_t>("labels.bin", count);
  items.lines = folder.read_array<std::int32_t>("lines.bin", count);
  items.hashes = read_hashes(folder, "hashes.bin", count);
  items.text_hashes = read_hashes(folder, "text_hashes.bin", count);
  check_offsets(folder, items);
  check_labels(folder, items);
  check_tokens(folder, items);
  return items;
}

template <typename Value>
std::span<const std::byte> bytes_of(const std::vector<Value>& values) {
  return std::as_bytes(std::span(values));
}

template <typename Value>
void append(std::vector<Value>& to, std::span<const Value> values) {
  to.insert(to.end(), values.begin(), values.end());
}

}  // namespace

std::int64_t LabelledItems::length(std::int64_t item) const {
  const auto i = static_cast<std::size_t>(item);
  return offsets.at(i + 1) - offsets.at(i);
}

std::span<const std::int32_t> LabelledItems::tokens_of(std::int64_t item) const {
  return std::span(tokens).subspan(
      static_cast<std::size_t>(offsets.at(static_cast<std::size_t>(item))),
      static_cast<std::size_t>(length(item)));
}

std::span<const std::uint8_t> LabelledItems::token_types_of(std::int64_t item) const {
  return std::span(token_types)
      .subspan(static_cast<std::size_t>(offsets.at(static_cast<std::size_t>(item))),
               static_cast<std::size_t>(length(item)));
}

std::string LabelledItems::content_hash() const {
  Sha256 hash;
  hash.update(fmt::format("{} {} {}\n", count(), tokens.size(), Json(label_names).dump()));
  hash.update(bytes_of(tokens));
  hash.update(bytes_of(token_types));
  hash.update(bytes_of(offsets));
  hash.update(bytes_of(labels));
  return hash.hex();
}

LabelledItems read_labelled_items(const fs::path& folder) {
  return from_files([&] { return read_folder(PreparedFolder(folder, "labelled")); });
}

LabelledItems chosen_items(const LabelledItems& all, std::span<const std::int64_t> items) {
  LabelledItems part;
  part.dataset = all.dataset;
  part.split = all.split;
  part.label_names = all.label_names;
  part.max_tokens = all.max_tokens;
  part.truncated = all.truncated;
  part.notes = all.notes;
  part.offsets.push_back(0);
  for (const std::int64_t item : items) {
    const auto i = static_cast<std::size_t>(item);
    part.labels.push_back(all.labels.at(i));
    append(part.tokens, all.tokens_of(item));
    append(part.token_types, all.token_types_of(item));
    part.offsets.push_back(static_cast<std::int64_t>(part.tokens.size()));
    part.hashes.push_back(all.hashes.at(i));
    part.text_hashes.push_back(all.text_hashes.at(i));
    part.lines.push_back(all.lines.at(i));
  }
  return part;
}

}  // namespace assay
