#include "harness/base/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "harness/base/display.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr std::size_t kLongestFileName = 200;  // leaves room for an extension and a temporary name

bool is_letter_or_digit(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 && std::isalnum(byte) != 0;
}

}  // namespace

bool is_name(std::string_view name) {
  return !name.empty() && is_letter_or_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

const std::string& checked_file_name(std::string_view what, const std::string& name) {
  if (is_name(name) && name.size() <= kLongestFileName) return name;
  throw UserError(
      fmt::format("{} '{}' cannot be the name of a file; allowed: up to {} {}, the first a letter "
                  "or a digit",
                  what, visible(name), kLongestFileName, kNameRule));
}

}  // namespace assay
