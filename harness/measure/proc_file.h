#pragma once
// Small files of /proc and /sys: "key : value" lines and single lines.

#include <filesystem>
#include <string>

namespace assay {

/// Value behind the first line with this key, without spaces around it; "" when there is none.
std::string proc_value(const std::filesystem::path& file, const std::string& key);
/// First line without spaces around it; "" when the file cannot be read.
std::string first_line(const std::filesystem::path& file);

}  // namespace assay
