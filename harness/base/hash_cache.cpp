#include "harness/base/hash_cache.h"

#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kReadings = 3;

fs::path entry_of(const std::string& kind, const FileIdentity& identity) {
  return assay_home() / "hashes" / kind / (identity.place() + ".json");
}

/// A digit that rots leaves a document well formed.
std::string check_of(const FileIdentity& identity, const Json& value) {
  return json_hash({{"file", to_json(identity)}, {"value", value}});
}

/// The remembered value when the entry is whole and speaks of this state of the file.
Json remembered(const fs::path& entry, const FileIdentity& identity) {
  std::error_code missing;
  if (!fs::exists(entry, missing)) return nullptr;
  try {
    const Json document = read_json_file(entry);
    const Json& value = document.at("value");
    if (document.at("check") == check_of(identity, value)) return value;
  } catch (const std::exception&) {
    return nullptr;  // a damaged entry is computed again and replaced
  }
  return nullptr;
}

void remember(const fs::path& entry, const FileIdentity& identity, const Json& value) {
  try {
    ensure_folder(entry.parent_path());
    write_file_atomically(entry, canonical_json({{"file", to_json(identity)},
                                                 {"value", value},
                                                 {"check", check_of(identity, value)}}) +
                                     "\n");
  } catch (const MachineError&) {
    return;  // only an accelerator: a read-only cache must not stop a command that writes nothing
  }
}

}  // namespace

Json remembered_of_file(const std::string& kind, const std::string& name,
                        const std::function<FileIdentity()>& identify,
                        const std::function<Json()>& compute) {
  for (int reading = 0; reading < kReadings; ++reading) {
    const std::int64_t now = system_clock_ns();
    const FileIdentity identity = identify();
    const fs::path entry = entry_of(kind, identity);
    if (Json value = remembered(entry, identity); !value.is_null()) return value;
    Json value = compute();
    if (identify() != identity) continue;
    if (identity.settled(now)) remember(entry, identity, value);
    return value;
  }
  throw MachineError(name + ": changes while it is read; wait until it is complete");
}

std::string cached_file_hash(const fs::path& path) {
  return remembered_of_file(
             "sha256", path.string(), [&] { return file_identity(path); },
             [&] { return Json(sha256_file(path)); })
      .get<std::string>();
}

}  // namespace assay
