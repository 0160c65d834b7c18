#include "harness/base/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

void check_kind(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail_read(path, errno);
  if (S_ISDIR(status.st_mode)) {
    throw FileError(fmt::format("{}: is a folder; give a file", path.string()));
  }
  if (S_ISREG(status.st_mode) || names_descriptor(path)) return;
  throw FileError(
      fmt::format("{}: is a pipe, device or socket; give a file, or /dev/stdin", path.string()));
}

}  // namespace

void fail_read(const fs::path& path, int error) {
  if (error == ENOENT) throw FileError(fmt::format("{}: no such file", path.string()));
  const std::string text =
      fmt::format("{}: cannot be read: {}", path.string(), std::strerror(error));
  if (error == EMFILE || error == ENFILE) {
    throw MachineError(text + "; raise the limit of open files (ulimit -n)");
  }
  if (error == EIO || error == ENOMEM) throw MachineError(text + "; check the disk and the memory");
  throw FileError(text);
}

Descriptor open_input(const fs::path& path) {
  check_kind(path);
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) fail_read(path, errno);
  return file;
}

void read_pieces(const fs::path& path, const std::function<void(std::string_view)>& take,
                 std::size_t most) {
  const Descriptor file = open_input(path);
  std::vector<char> buffer(kPiece);
  while (most > 0) {
    const ssize_t got = ::read(file.get(), buffer.data(), std::min(most, buffer.size()));
    if (got == 0) return;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_read(path, errno);
    most -= static_cast<std::size_t>(got);
    take({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace assay
