#include "harness/config/toml_keys.h"

#include <algorithm>

namespace assay {
namespace {

/// Length of the text in quotes, or of the comment, at the start of `rest`; 0 where neither is.
std::size_t skipped_length(std::string_view rest) {
  if (rest.front() == '#') return std::min(rest.find('\n'), rest.size());
  if (rest.front() != '"' && rest.front() != '\'') return 0;
  const char quote = rest.front();
  const bool long_form = rest.size() >= 3 && rest[1] == quote && rest[2] == quote;
  const std::string_view end = rest.substr(0, long_form ? 3 : 1);
  for (std::size_t i = end.size(); i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\') {
      ++i;
    } else if (rest.substr(i, end.size()) == end) {
      return i + end.size();
    } else if (!long_form && rest[i] == '\n') {
      return i;  // an error to the parser, which goes no further
    }
  }
  return rest.size();
}

}  // namespace

std::size_t line_of_long_key(std::string_view toml) {
  constexpr std::string_view kEndsAKey = "=,[]{}\n";
  std::size_t line = 1, points = 0;
  for (std::size_t i = 0; i < toml.size();) {
    if (const std::size_t length = skipped_length(toml.substr(i)); length > 0) {
      line += static_cast<std::size_t>(std::ranges::count(toml.substr(i, length), '\n'));
      i += length;
      continue;
    }
    const char c = toml[i++];
    if (c == '.' && ++points >= kMostKeyParts) return line;
    if (kEndsAKey.find(c) != std::string_view::npos) points = 0;
    if (c == '\n') ++line;
  }
  return 0;
}

}  // namespace assay
