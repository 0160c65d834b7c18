#pragma once
// Text for people: suggestions for mistyped names, lists, sizes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Damerau-Levenshtein distance (optimal string alignment), ASCII case folded.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Up to three known names near `name`: distance <= 2, or <= 1 for names of up to four letters.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string>& known);

/// "unknown method 'wnada'; did you mean 'wanda'? known: dense, magnitude, wanda".
std::string unknown_name_message(std::string_view what, std::string_view name,
                                 std::vector<std::string> known);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// "1.5 GiB", "640 KiB", "12 B".
std::string human_bytes(std::int64_t bytes);

/// "12.3 s", "4 min 05 s", "3.2 ms".
std::string human_seconds(double seconds);

}  // namespace assay
