#include "harness/imports/csv.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/display.h"
#include "harness/base/errors.h"

namespace assay {
namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  std::vector<CsvRecord> read() {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
    while (!rest_.empty()) read_record();
    return std::move(records_);
  }

 private:
  static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

  [[noreturn]] void fail(std::size_t line, const char* what) const {
    throw UserError(fmt::format("{}:{}: {}", file_, line, what));
  }

  [[nodiscard]] bool at_line_end() const {
    return rest_.empty() || rest_.front() == '\n' || rest_.starts_with("\r\n");
  }

  void read_record() {
    CsvRecord record{line_, {}};
    const bool empty = at_line_end();
    record.fields.push_back(field());
    while (rest_.starts_with(',')) {
      rest_.remove_prefix(1);
      record.fields.push_back(field());
    }
    if (rest_.starts_with('\r')) rest_.remove_prefix(1);
    if (!rest_.empty()) rest_.remove_prefix(1);
    ++line_;
    if (!empty) records_.push_back(std::move(record));
  }

  /// Up to a comma or the end of the line.
  std::string field() {
    if (rest_.starts_with('"')) return quoted();
    std::string text;
    while (!at_line_end() && rest_.front() != ',') {
      if (rest_.front() == '"') {
        fail(line_,
             "a quote inside of a field; put all of the field in quotes, and write \"\" for "
             "each quote in it");
      }
      if (rest_.front() == '\r') {
        fail(line_, "a carriage return without a line feed; end lines with LF or CRLF");
      }
      take(text);
    }
    return text;
  }

  std::string quoted() {
    const std::size_t begin = line_;
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.starts_with('"') || rest_.starts_with("\"\"")) {
      if (rest_.empty()) fail(begin, "a quoted field has no end");
      if (rest_.front() == '"') rest_.remove_prefix(1);
      if (rest_.front() == '\n') ++line_;
      take(text);
    }
    rest_.remove_prefix(1);
    if (!at_line_end() && rest_.front() != ',') {
      fail(line_, "text behind the closing quote of a field; write \"\" for a quote in it");
    }
    return text;
  }

  /// One character.
  void take(std::string& text) {
    const std::string_view before = rest_;
    if (before.front() == '\0') fail(line_, "a NUL byte; save the file as UTF-8 text");
    if (!take_character(rest_)) fail(line_, "a byte that is not UTF-8; save the file as UTF-8");
    text += before.substr(0, before.size() - rest_.size());
  }

  std::string_view rest_;
  const std::string& file_;
  std::size_t line_ = 1;
  std::vector<CsvRecord> records_;
};

}  // namespace

std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& file) {
  return CsvReader(text, file).read();
}

}  // namespace assay
