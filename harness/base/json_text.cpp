#include "harness/base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "harness/base/display.h"

namespace assay {
namespace {

std::string escaped(char32_t point) {
  if (point < 0x10000) return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
  const std::uint32_t beyond = point - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800U + (beyond >> 10U), 0xDC00U + (beyond & 0x3FFU));
}

bool plain(char c) { return c >= 0 && c < 0x7F; }

}  // namespace

std::string json_text(const Json& document, int indent) {
  std::string text = document.dump(indent, ' ', false, Json::error_handler_t::replace);
  if (std::ranges::all_of(text, plain)) return text;
  std::string result;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    if (plain(rest.front())) {
      const auto end = std::ranges::find_if_not(rest, plain);
      rest.remove_prefix(static_cast<std::size_t>(end - rest.begin()));
      result += before.substr(0, before.size() - rest.size());
      continue;
    }
    const auto point = take_character(rest);
    const std::string_view own = before.substr(0, before.size() - rest.size());
    if (point && visible(own) != own) {
      result += escaped(*point);
    } else {
      result += own;
    }
  }
  return result;
}

}  // namespace assay
