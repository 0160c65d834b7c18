#include "reports/html/html_text.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <iterator>

#include "harness/base/display.h"

namespace assay {

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char letter : visible(text)) {
    switch (letter) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += letter;
    }
  }
  out += '"';
}

void append_json_number(std::string& out, double value) {
  constexpr double kExact = 9007199254740992.0;
  if (!std::isfinite(value)) {
    out += "null";
  } else if (value == std::floor(value) && std::abs(value) < kExact) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<long long>(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{:.9g}", value);
  }
}

std::string slug(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x80 && std::isalnum(byte) != 0) {
      result += static_cast<char>(std::tolower(byte));
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.empty() ? "x" : result;
}

}  // namespace assay
