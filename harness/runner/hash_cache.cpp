#include "harness/runner/hash_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

Json to_json(const FileIdentity& identity) {
  return {{"device", identity.device},
          {"inode", identity.inode},
          {"size", identity.size},
          {"mtime_ns", identity.mtime_ns}};
}

/// The remembered hash when the entry is readable and speaks of this state of the file.
std::string remembered(const fs::path& entry, const FileIdentity& identity) {
  std::error_code missing;
  if (!fs::exists(entry, missing)) return "";
  try {
    const Json document = read_json_file(entry);
    if (document.at("file") == to_json(identity)) return document.at("sha256").get<std::string>();
  } catch (const std::exception&) {
    return "";  // a damaged entry is hashed again and replaced
  }
  return "";
}

void remember(const fs::path& entry, const FileIdentity& identity, const std::string& hash) {
  try {
    ensure_folder(entry.parent_path());
    write_file_atomically(entry,
                          canonical_json({{"file", to_json(identity)}, {"sha256", hash}}) + "\n");
  } catch (const MachineError&) {
    return;  // only an accelerator: a read-only cache must not stop a command that writes nothing
  }
}

}  // namespace

std::string FileIdentity::place() const { return fmt::format("{}-{}", device, inode); }

FileIdentity file_identity(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw UserError(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  }
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::string cached_file_hash(const fs::path& path) {
  const FileIdentity identity = file_identity(path);
  const fs::path entry = assay_home() / "hashes" / "sha256" / (identity.place() + ".json");
  std::string hash = remembered(entry, identity);
  if (hash.empty()) {
    hash = sha256_file(path);
    remember(entry, identity, hash);
  }
  return hash;
}

}  // namespace assay
