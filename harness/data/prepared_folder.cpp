#include "harness/data/prepared_folder.h"

#include <fmt/format.h>

#include <bit>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

constexpr int kFormatVersion = 1;
constexpr const char* kManifest = "manifest.json";
static_assert(std::endian::native == std::endian::little, "prepared files are little-endian");

}  // namespace

PreparedFolder::PreparedFolder(std::filesystem::path folder)
    : path_(std::move(folder)), manifest_(read_json_file(path_ / kManifest)) {
  const Json version = manifest_.is_object() ? manifest_.value("version", Json()) : Json();
  if (version != Json(kFormatVersion)) {
    fail(kManifest, fmt::format("no manifest of version {} (version: {})", kFormatVersion,
                                version.is_null() ? "none" : version.dump()));
  }
  if (!manifest_.value("files", Json()).is_object()) fail(kManifest, "no hashes of its files");
}

PreparedFolder::PreparedFolder(std::filesystem::path folder, const std::string& format)
    : PreparedFolder(std::move(folder)) {
  if (this->format() == format) return;
  throw FileError(
      fmt::format("{}: holds data in the form '{}', and '{}' is needed; choose a data "
                  "set of another kind",
                  (path_ / kManifest).string(), this->format(), format));
}

std::string PreparedFolder::format() const {
  return reading(kManifest, [&] { return manifest_.value("format", ""); });
}

std::string PreparedFolder::text_name() const {
  return reading(kManifest, [&] {
    return manifest_.value("dataset", "a text") + "/" + manifest_.value("split", "");
  });
}

std::vector<DataNote> PreparedFolder::notes() const {
  return reading(kManifest, [&] {
    std::vector<DataNote> notes;
    for (const Json& note : manifest_.value("notes", Json::array())) {
      notes.push_back({note.at("code").get<std::string>(), note.at("text").get<std::string>()});
    }
    return notes;
  });
}

std::size_t PreparedFolder::count(const std::string& key) const {
  const Json found = manifest_.value(key, Json());
  if (!found.is_number_unsigned()) {
    fail(kManifest, fmt::format("'{}' is {}, and a whole number is needed", key, found.dump()));
  }
  return found.get<std::size_t>();
}

std::string PreparedFolder::read(const std::string& file) const {
  std::string bytes = read_text_file(path_ / file);
  const Json hash = manifest_.at("files").value(file, Json());
  if (hash.is_null()) fail(file, "not listed in manifest.json");
  if (hash != Json(sha256_hex(bytes))) {
    fail(file, "content differs from its hash in manifest.json");
  }
  return bytes;
}

std::string PreparedFolder::read_sized(const std::string& file, std::size_t width) const {
  std::string bytes = read(file);
  if (bytes.size() % width != 0) {
    fail(file, fmt::format("{} bytes are no whole number of {}-byte values", bytes.size(), width));
  }
  return bytes;
}

std::string PreparedFolder::read_counted(const std::string& file, std::size_t entries,
                                         std::size_t width) const {
  std::string bytes = read(file);
  if (bytes.size() / width != entries || bytes.size() % width != 0) {
    fail(file, fmt::format("{} bytes; manifest.json counts {} entries of {} bytes", bytes.size(),
                           entries, width));
  }
  return bytes;
}

void PreparedFolder::fail(const std::string& file, const std::string& problem) const {
  throw FileError(fmt::format("{}: {}; remove its folder to have it prepared again",
                              (path_ / file).string(), problem));
}

}  // namespace assay
