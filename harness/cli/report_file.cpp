#include "harness/cli/report_file.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <string>
#include <system_error>

#include "harness/base/errors.h"
#include "harness/base/files.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kDatabaseStart = "SQLite format 3";

bool is_database(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, kDatabaseStart.size()> start{};
  file.read(start.data(), start.size());
  return file && std::string_view(start.data(), start.size()) == kDatabaseStart;
}

}  // namespace

void write_report_file(const fs::path& path, std::string_view content) {
  std::error_code error;
  const fs::path file = fs::canonical(path, error);  // where links lead
  if (!error && fs::is_regular_file(file, error)) {
    const bool database = is_database(file);
    if (database || file.extension() == ".toml") {
      throw UserError(
          fmt::format("{}: is {}, which this would replace; nothing was written: name "
                      "another file",
                      path.string(), database ? "a database" : "a file of settings (TOML)"));
    }
  }
  write_output_file(path, content);
}

void require_different_files(const fs::path& a, const fs::path& b) {
  if (a.empty() || b.empty()) return;
  std::error_code error;
  const bool device = fs::exists(a, error) && !fs::is_regular_file(a, error);
  if (device || (a.lexically_normal() != b.lexically_normal() && !fs::equivalent(a, b, error))) {
    return;
  }
  throw UserError(
      fmt::format("{}: is named twice, and the second text would replace the first; "
                  "name two files",
                  b.string()));
}

}  // namespace assay
