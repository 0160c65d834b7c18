#pragma once
// Text for people: suggestions for mistyped names, lists, sizes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Damerau-Levenshtein distance (optimal string alignment), ASCII case folded.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Up to three known names near `name`: distance <= 2, or <= 1 for names of up to four letters.
/// None for a name that is longer than any that somebody would mistype.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string>& known);

/// "'wanda'": a name out of a file or a command line, made visible and cut where it is long.
std::string quoted_name(std::string_view name);

/// "; did you mean 'wanda'? known: dense, magnitude, wanda".
std::string known_names_message(std::string_view name, std::vector<std::string> known);

/// "unknown method 'wnada'; did you mean 'wanda'? known: dense, magnitude, wanda".
std::string unknown_name_message(std::string_view what, std::string_view name,
                                 std::vector<std::string> known);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// "a", "a and b", "a, b and c".
std::string enumerated(std::vector<std::string> parts);

/// "1.5 GiB", "640 KiB", "12 B".
std::string human_bytes(std::int64_t bytes);

/// "13.5 GB", "98.1 MB", "999 bytes": in powers of ten, as the Hub and PyPI say sizes.
std::string decimal_bytes(std::int64_t bytes);

/// Bytes of "13.5 GB" or "98 MB"; nothing for other texts and for sizes of nothing.
std::optional<std::int64_t> decimal_size(const std::string& text);

/// "3.2 ms", "12.3 s", "4 min 05 s", "2 h 10 min".
std::string human_seconds(double seconds);

}  // namespace assay
