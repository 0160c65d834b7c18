#include "harness/imports/import_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kSpace) == std::string_view::npos;
}

/// Python and Google Benchmark write what is no number as a bare word.
std::string advice(std::string_view text, std::size_t byte) {
  const std::size_t at = byte == 0 ? 0 : byte - 1;
  const bool word = at < text.size() && (text[at] == 'N' || text[at] == 'I');
  return word ? "; NaN and Infinity are no JSON: put null where there is no number" : "";
}

Json parsed(std::string_view text, const std::string& file, std::size_t first_line) {
  try {
    return parse_json(text);
  } catch (const JsonError& error) {
    const std::size_t at = std::min(error.byte(), text.size());
    const auto lines =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    throw UserError(fmt::format("{}:{}: {}{}", file, first_line + static_cast<std::size_t>(lines),
                                error.what(), advice(text, error.byte())));
  }
}

std::vector<ImportDocument> lines_of(std::string_view text, const std::string& file) {
  std::vector<ImportDocument> documents;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view one = text.substr(begin, end - begin);
    ++line;
    if (!is_blank(one)) documents.push_back({line, parsed(one, file, line)});
    begin = end + 1;
  }
  return documents;
}

}  // namespace

std::vector<ImportDocument> import_documents(std::string_view text, const std::string& file) {
  const std::string_view first = text.substr(0, text.find('\n'));
  const bool whole_line = !is_blank(first) && !try_parse_json(first).is_discarded();
  if (whole_line) return lines_of(text, file);
  std::vector<ImportDocument> documents;
  documents.push_back({1, parsed(text, file, 1)});
  return documents;
}

bool ImportSource::is_json() const {
  const std::size_t at = text_.find_first_not_of(kSpace);
  return at != std::string_view::npos && (text_[at] == '{' || text_[at] == '[');
}

const std::vector<ImportDocument>& ImportSource::documents() const {
  if (documents_.empty()) documents_ = import_documents(text_, file_.string());
  return documents_;
}

}  // namespace assay
