#pragma once
// A strict reader of CSV (RFC 4180): what spreadsheets would guess about is refused.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct CsvRecord {
  std::size_t line = 0;  ///< on which it begins, from 1
  std::vector<std::string> fields;
};

/// Records of a text in UTF-8, with or without a byte order mark; lines end with LF or CRLF, the
/// last one as it likes, and empty ones are passed over. Throws UserError "FILE:LINE: ..." for a
/// quote inside of a field without quotes, for text behind a closing quote, a quote without an end,
/// a carriage return alone, a NUL byte, and bytes that are not UTF-8.
std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& file);

}  // namespace assay
