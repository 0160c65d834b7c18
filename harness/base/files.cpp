#include "harness/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "harness/base/descriptor.h"
#include "harness/base/errors.h"
#include "harness/base/input_file.h"
#include "harness/base/temporary.h"
#include "harness/base/write_failure.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// Into what is there. Returns 0 or the error.
int write_and_sync(const fs::path& path, std::string_view content, int flags) {
  Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (file.get() < 0) return errno;
  int error = write_all(file.get(), content);
  if (error == 0) error = sync_to_disk(file.get());
  return error == 0 ? file.close() : error;
}

/// Returns 0 or the error; nothing is left behind then.
int replace_file(const fs::path& path, std::string_view content, const struct stat* old) {
  Temporary temporary = make_temporary_file(path);
  if (temporary.error != 0) return temporary.error;
  const char* name = temporary.path.c_str();
  int error = write_all(temporary.descriptor.get(), content);
  if (error == 0) error = sync_to_disk(temporary.descriptor.get());
  if (error == 0 && old != nullptr) {
    // Only a privileged user may give files away; for others the owner is themselves anyway.
    [[maybe_unused]] const int given = ::chown(name, old->st_uid, old->st_gid);
    if (::chmod(name, old->st_mode & 07777U) != 0) error = errno;
  }
  if (error == 0 && ::rename(name, path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(name);
  const int closed = temporary.descriptor.close();
  return error == 0 ? closed : error;
}

/// Where a chain of links ends, whether or not something is there.
fs::path behind_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel
  std::error_code error;
  for (int i = 0; i < kMostLinks; ++i) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) return path;
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  fail_write(path, ELOOP);
}

/// What programs left that were killed while they wrote the same.
void tidy_beside(const fs::path& path) {
  std::error_code unknown;
  const fs::path target = behind_links(fs::absolute(path, unknown));
  remove_abandoned_temporaries(target.parent_path(), target.filename().string());
}

int write_existing(const fs::path& path, std::string_view content, const struct stat& status) {
  if (::access(path.c_str(), W_OK) != 0) return errno;
  const int error = replace_file(path, content, &status);
  const bool in_place = error == EBUSY || error == EACCES || error == EPERM || error == EROFS;
  return in_place ? write_and_sync(path, content, O_WRONLY | O_TRUNC) : error;
}

}  // namespace

bool names_descriptor(const fs::path& path) {
  const std::string& name = path.native();
  return name.starts_with("/proc/") || name.starts_with("/dev/fd/") || name.starts_with("/dev/std");
}

std::string read_text_file(const fs::path& path, std::size_t most) {
  std::string content;
  std::error_code unknown;
  const auto size = fs::file_size(path, unknown);
  if (!unknown) content.reserve(std::min<std::size_t>(size, most));
  read_pieces(
      path, [&](std::string_view piece) { content += piece; }, most);
  return content;
}

std::vector<fs::path> entries_of_folder(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::error_code unknown;
  const bool missing = error == std::errc::no_such_file_or_directory ||
                       (error == std::errc::not_a_directory && !fs::exists(folder, unknown));
  if (error && !missing) fail_read(folder, error.value());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<fs::path> files_of_folder(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files = entries_of_folder(folder);
  std::erase_if(files, [&](const fs::path& file) { return file.extension() != extension; });
  return files;
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  const int error = replace_file(path, content, nullptr);
  if (error != 0) fail_write(path, error);
}

void write_output_file(const fs::path& path, std::string_view content) {
  tidy_beside(path);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno == ENOENT ? replace_file(behind_links(path), content, nullptr) : errno;
    if (error != 0) fail_write(path, error);
    return;
  }
  if (S_ISDIR(status.st_mode)) {
    throw UserError(fmt::format("{}: is a folder; give the name of a file", path.string()));
  }
  const bool through = !S_ISREG(status.st_mode) || names_descriptor(path);
  const int error = through ? write_and_sync(path, content, O_WRONLY)
                            : write_existing(behind_links(path), content, status);
  if (error != 0) fail_write(path, error);
}

void write_folder_atomically(const fs::path& path,
                             const std::function<void(const fs::path&)>& fill) {
  if (path.has_parent_path()) ensure_folder(path.parent_path());
  const Temporary temporary = make_temporary_folder(path);
  if (temporary.error != 0) fail_write(temporary.path, temporary.error);
  std::error_code error;
  try {
    fill(temporary.path);
  } catch (...) {
    fs::remove_all(temporary.path, error);
    throw;
  }
  fs::rename(temporary.path, path, error);
  if (error) {
    std::error_code ignored;
    fs::remove_all(temporary.path, ignored);
    if (!fs::exists(path)) fail_write(path, error.value());
  }
}

fs::path assay_home() {
  const std::string home = environment_or("ASSAY_HOME", "");
  if (!home.empty()) return home;
  const std::string cache = environment_or("XDG_CACHE_HOME", "");
  if (!cache.empty()) return fs::path(cache) / "assay";
  return fs::path(environment_or("HOME", "/root")) / ".cache" / "assay";
}

fs::path ensure_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_write(path, error.value());
  return path;
}

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : program.parent_path();
}

fs::path share_folder() {
  const std::string named = environment_or("ASSAY_SHARE", "");
  if (!named.empty()) return named;
  fs::path installed = program_folder().parent_path() / "share" / "assay";
  if (fs::exists(installed)) return installed;
  for (fs::path folder = program_folder(); folder.has_relative_path();
       folder = folder.parent_path()) {
    if (fs::exists(folder / "hardware_profiles") && fs::exists(folder / "datasets")) return folder;
  }
  throw UserError(
      "cannot find assay's datasets and profiles beside the program; set ASSAY_SHARE to the folder "
      "that holds datasets/ and hardware_profiles/");
}

std::string environment_or(const char* name, std::string_view otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::string(otherwise) : std::string(value);
}

}  // namespace assay
