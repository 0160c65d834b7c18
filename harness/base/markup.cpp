#include "harness/base/markup.h"

#include <cctype>

#include "harness/base/display.h"

namespace assay {
namespace {

bool letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string_view entity_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string result;
  for (const char c : visible(text)) {
    const std::string_view entity = entity_of(c);
    if (entity.empty()) {
      result += c;
    } else {
      result += entity;
    }
  }
  return result;
}

std::string markdown_escaped(std::string_view raw) {
  const std::string text = visible(raw);
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool inside = i > 0 && i + 1 < text.size() && letter(text[i - 1]) && letter(text[i + 1]);
    const std::string_view special = "\\`*<>[]|~&";
    if (special.find(text[i]) != std::string_view::npos || (text[i] == '_' && !inside)) {
      result += '\\';
    }
    result += text[i];
  }
  return result;
}

}  // namespace assay
