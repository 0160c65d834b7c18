#include "harness/data/labelled_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kFormatVersion = 1;
static_assert(std::endian::native == std::endian::little, "prepared files are little-endian");

[[noreturn]] void fail(const fs::path& path, const std::string& problem) {
  throw FileError(
      fmt::format("{}: {}; remove its folder to have it prepared again", path.string(), problem));
}

Json read_manifest(const fs::path& path) {
  Json manifest = read_json_file(path);
  if (!manifest.is_object() || manifest.value("version", Json()) != Json(kFormatVersion) ||
      !manifest.value("files", Json()).is_object()) {
    fail(path, "no manifest of version 1 with the files' hashes");
  }
  const Json format = manifest.value("format", Json());
  if (format != Json("labelled")) {
    throw FileError(fmt::format("{}: holds {}, needed is labelled data", path.string(),
                                format.is_string() ? "a " + format.get<std::string>() : "nothing"));
  }
  return manifest;
}

/// The file's bytes, after they were held against the hash in the manifest and their number.
std::string read_bytes(const fs::path& path, const Json& manifest, std::size_t size) {
  std::string bytes = read_text_file(path);
  if (manifest.at("files").value(path.filename().string(), Json()) != Json(sha256_hex(bytes))) {
    fail(path, "content differs from its hash in manifest.json");
  }
  if (bytes.size() != size) {
    fail(path, fmt::format("{} bytes, the counts in manifest.json say {}", bytes.size(), size));
  }
  return bytes;
}

/// The arrays of one folder.
struct Arrays {
  const fs::path& folder;
  const Json& manifest;
  std::size_t tokens, items;

  template <typename Value>
  [[nodiscard]] std::vector<Value> read(const char* name, std::size_t entries) const {
    const std::string bytes = read_bytes(folder / name, manifest, entries * sizeof(Value));
    std::vector<Value> values(entries);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  /// 8 bytes an item, as they stand in the file -> 16 digits.
  [[nodiscard]] std::vector<std::string> read_hashes(const char* name) const {
    const std::string bytes = read_bytes(folder / name, manifest, items * 8);
    std::vector<std::string> hashes(items);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      hashes[i / 8] += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
    }
    return hashes;
  }
};

void check_offsets(const fs::path& path, const LabelledItems& items) {
  const auto& offsets = items.offsets;
  const bool whole =
      offsets.front() == 0 && offsets.back() == static_cast<std::int64_t>(items.tokens.size());
  if (!whole) fail(path, "offsets do not cover the tokens");
  const auto found = std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal<>());
  if (found == offsets.end()) return;
  fail(path, fmt::format("offsets must ascend, and item {} ends where it begins or before",
                         found - offsets.begin()));
}

void check_labels(const fs::path& path, const LabelledItems& items) {
  const auto classes = static_cast<std::int32_t>(items.label_names.size());
  for (std::size_t i = 0; i < items.labels.size(); ++i) {
    if (items.labels[i] >= 0 && items.labels[i] < classes) continue;
    fail(path,
         fmt::format("item {} has class {}; there are {}, from 0", i, items.labels[i], classes));
  }
}

void check_tokens(const fs::path& folder, const LabelledItems& items) {
  if (std::any_of(items.tokens.begin(), items.tokens.end(), [](auto token) { return token < 0; })) {
    fail(folder / "tokens.bin", "a token is negative");
  }
  const auto& types = items.token_types;
  if (std::any_of(types.begin(), types.end(), [](auto type) { return type > 1; })) {
    fail(folder / "token_types.bin", "a segment is neither 0 nor 1");
  }
}

std::vector<DataNote> read_notes(const Json& manifest) {
  std::vector<DataNote> notes;
  for (const Json& note : manifest.value("notes", Json::array())) {
    notes.push_back({note.at("code").get<std::string>(), note.at("text").get<std::string>()});
  }
  return notes;
}

void read_description(const Json& manifest, LabelledItems& items) {
  items.dataset = manifest.value("dataset", "");
  items.split = manifest.value("split", "");
  items.label_names = manifest.at("labels").get<std::vector<std::string>>();
  items.max_tokens = manifest.at("max_tokens").get<std::int64_t>();
  items.truncated = manifest.at("truncated").get<std::int64_t>();
  items.notes = read_notes(manifest);
}

LabelledItems read_folder(const fs::path& folder) {
  const Json manifest = read_manifest(folder / "manifest.json");
  LabelledItems items;
  read_description(manifest, items);
  const Arrays arrays{folder, manifest, manifest.at("tokens").get<std::size_t>(),
                      manifest.at("documents").get<std::size_t>()};
  items.tokens = arrays.read<std::int32_t>("tokens.bin", arrays.tokens);
  items.token_types = arrays.read<std::uint8_t>("token_types.bin", arrays.tokens);
  items.offsets = arrays.read<std::int64_t>("offsets.bin", arrays.items + 1);
  items.labels = arrays.read<std::int32_t>("labels.bin", arrays.items);
  items.lines = arrays.read<std::int32_t>("lines.bin", arrays.items);
  items.hashes = arrays.read_hashes("hashes.bin");
  items.text_hashes = arrays.read_hashes("text_hashes.bin");
  check_offsets(folder / "offsets.bin", items);
  check_labels(folder / "labels.bin", items);
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
  return from_files([&] {
    try {
      return read_folder(folder);
    } catch (const Json::exception& error) {
      fail(folder / "manifest.json", error.what());
    }
  });
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
