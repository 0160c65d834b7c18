#include "harness/base/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <sstream>

namespace assay {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t point) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& r) { return point >= r.first && point <= r.last; });
}

constexpr std::array kNoWidth = {Range{0x300, 0x36F}, Range{0x200B, 0x200D}, Range{0xFE00, 0xFE0F},
                                 Range{0x20D0, 0x20FF}, Range{0x1F3FB, 0x1F3FF}};
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x2E80, 0xA4CF},   Range{0xAC00, 0xD7A3},
    Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1F6FF},
    Range{0x1F900, 0x1FAFF}, Range{0x20000, 0x3FFFD}};
constexpr std::array kBidirectional = {Range{0x200E, 0x200F}, Range{0x202A, 0x202E},
                                       Range{0x2066, 0x2069}};

/// Never a character of a text; XML refuses two of them.
bool is_noncharacter(char32_t point) {
  return (point & 0xFFFEU) == 0xFFFEU || (point >= 0xFDD0 && point <= 0xFDEF);
}

/// Bytes of the character that starts with `lead`, 0 when none can.
std::size_t length_of(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

std::size_t width_of(char32_t point) {
  if (within(kNoWidth, point)) return 0;
  return within(kWide, point) ? 2 : 1;
}

}  // namespace

std::optional<char32_t> take_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = length_of(lead);
  char32_t point = length == 1 ? lead : lead & (0x7FU >> length);
  bool valid = length > 0 && length <= text.size();
  for (std::size_t i = 1; valid && i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    valid = (byte & 0xC0U) == 0x80U;
    point = (point << 6U) | (byte & 0x3FU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  valid = valid && !overlong && !surrogate && point <= 0x10FFFF;
  text.remove_prefix(valid ? length : 1);
  return valid ? std::optional(point) : std::nullopt;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_character(text)) return false;
  }
  return true;
}

std::string visible(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::string_view before = text;
    const auto point = take_character(text);
    if (!point) {
      result += "\xEF\xBF\xBD";
    } else if (*point == '\n') {
      result += "\\n";
    } else if (*point == '\t') {
      result += "\\t";
    } else if (*point < 0x20 || (*point >= 0x7F && *point < 0xA0)) {
      result += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(*point));
    } else if (within(kBidirectional, *point) || is_noncharacter(*point)) {
      result += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(*point));
    } else {
      result += before.substr(0, before.size() - text.size());
    }
  }
  return result;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += width_of(take_character(text).value_or(0xFFFD));
  return width;
}

std::string pad_right(const std::string& text, std::size_t width) {
  const std::size_t own = display_width(text);
  return own < width ? text + std::string(width - own, ' ') : text;
}

std::string pad_left(const std::string& text, std::size_t width) {
  const std::size_t own = display_width(text);
  return own < width ? std::string(width - own, ' ') + text : text;
}

std::string columns(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(line.size(), 0);
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) text += pad_right(line[i], widths[i]) + "  ";
    text += line.back() + "\n";
  }
  return text;
}

std::size_t fitting_bytes(std::string_view text, std::size_t width) {
  std::string_view rest = text;
  std::size_t used = 0;
  while (!rest.empty()) {
    std::string_view after = rest;
    used += width_of(take_character(after).value_or(0xFFFD));
    if (used > width) break;
    rest = after;
  }
  return text.size() - rest.size();
}

namespace {

/// Words between spaces; one that is wider than `width` in pieces, of a character at least.
std::vector<std::string> words_of(std::string_view text, std::size_t width) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) {
    while (display_width(word) > width) {
      std::size_t bytes = fitting_bytes(word, width);
      std::string_view rest = word;
      if (bytes == 0) (void)take_character(rest);
      bytes = std::max(bytes, word.size() - rest.size());
      words.push_back(word.substr(0, bytes));
      word.erase(0, bytes);
    }
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

}  // namespace

std::vector<std::string> fold_lines(std::string_view text, std::size_t width, std::size_t indent) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;  // of the last line, its indent included
  bool begun = false;
  for (const std::string& word : words_of(text, width > indent ? width - indent : 1)) {
    const std::size_t own = display_width(word);
    if (begun && used + 1 + own > width) {
      lines.emplace_back(indent, ' ');
      used = indent;
      begun = false;
    }
    lines.back() += (begun ? " " : "") + word;
    used += own + (begun ? 1 : 0);
    begun = true;
  }
  return lines;
}

std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  return text.substr(0, fitting_bytes(text, width - 1)) + "…";
}

}  // namespace assay
