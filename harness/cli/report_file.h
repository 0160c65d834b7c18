#pragma once
// Files that a user asked for, never over what a user measured.

#include <filesystem>
#include <string_view>

namespace assay {

/// write_output_file() of harness/base/files.h, but throws UserError when `path` leads to a
/// database or to a TOML file, which somebody wrote by hand: both are what commands read.
void write_report_file(const std::filesystem::path& path, std::string_view content);

/// Throws UserError when two options name one file: the second would replace the first.
void require_different_files(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace assay
