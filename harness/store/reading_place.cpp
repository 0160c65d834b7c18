#include "harness/store/reading_place.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "harness/base/clock.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::string percent_encoded(const std::string& path) {
  std::string encoded;
  for (const char c : path) {
    const bool special = c == '%' || c == '?' || c == '#';
    encoded += special ? fmt::format("%{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return encoded;
}

/// Behind "file://" a name of a machine would follow: none, for a path that begins so itself.
std::string address_of(const fs::path& path) {
  return (path.string().starts_with("//") ? "file://" : "file:") + percent_encoded(path.string());
}

bool takes_files(const fs::path& database) {
  const fs::path folder = database.has_parent_path() ? database.parent_path() : fs::path(".");
  return ::access(folder.c_str(), W_OK) == 0;
}

/// There is a log, and it holds something.
bool has_log(const fs::path& database) {
  std::error_code none;
  const auto size = fs::file_size(database.string() + "-wal", none);
  return !none && size > 0;
}

fs::path copy_with_log(const fs::path& database, const fs::path& folder) {
  const fs::path copy = folder / database.filename();
  fs::create_directory(folder);
  fs::permissions(folder, fs::perms::owner_all);
  fs::copy_file(database, copy);
  fs::copy_file(database.string() + "-wal", copy.string() + "-wal");
  return copy;
}

}  // namespace

ReadingPlace::ReadingPlace(const fs::path& database) : address_(address_of(database)) {
  if (takes_files(database)) return;
  if (!has_log(database)) {
    address_ += "?immutable=1";
    return;
  }
  std::error_code ignored;
  if (fs::exists(database.string() + "-shm", ignored)) return;  // SQLite reads it as it is
  folder_ = fs::temp_directory_path() / ("assay-reads-" + new_uuid());
  try {
    address_ = address_of(copy_with_log(database, folder_));
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(folder_, ignored);
    throw MachineError(fmt::format(
        "{}: its log ({}-wal) is not merged, its folder cannot be written, and a copy could not be "
        "made in {} ({}); copy both files to a folder that can be written",
        database.string(), database.filename().string(), folder_.parent_path().string(),
        error.code().message()));
  }
}

ReadingPlace::~ReadingPlace() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace assay
