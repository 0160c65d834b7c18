#pragma once
// The depth of names in a TOML text, seen before the parser makes a table of each of their parts.

#include <cstddef>
#include <string_view>

namespace assay {

/// Parts of a dotted key or of a header. The parser bounds how deep values lie in each other (256),
/// and every table among them may have such a key: the product must fit on a stack.
inline constexpr std::size_t kMostKeyParts = 16;

/// The line (from 1) of the first key or header with more parts; 0 where there is none. Texts and
/// comments may hold any number of points.
std::size_t line_of_long_key(std::string_view toml);

}  // namespace assay
