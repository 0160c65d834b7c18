#include "harness/base/write_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "harness/base/errors.h"
#include "harness/base/files.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

bool is_under(const fs::path& path, const fs::path& folder) {
  const fs::path inner = fs::absolute(path).lexically_normal();
  const fs::path outer = fs::absolute(folder).lexically_normal();
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

std::string remedy(const fs::path& path, int error) {
  const bool cached = is_under(path, assay_home());
  const char* elsewhere = cached ? "set ASSAY_HOME elsewhere" : "choose another place";
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format("free some space, or {}", elsewhere);
    case EFBIG:
      return fmt::format("raise the limit of a file's size (ulimit -f), or {}", elsewhere);
    case EROFS:
    case EACCES:
    case EPERM:
      return cached ? fmt::format("choose a writable place, or {}", elsewhere)
                    : "choose a writable place";
    default:
      return "check the path";
  }
}

}  // namespace

void fail_write(const fs::path& path, int error) {
  throw MachineError(fmt::format("{}: cannot be written: {}; {}", path.string(),
                                 std::strerror(error), remedy(path, error)));
}

}  // namespace assay
