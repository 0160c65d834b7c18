#include "harness/export/json_patch.h"

#include <cctype>
#include <stdexcept>
#include <utility>
#include <vector>

namespace assay {
namespace {

/// Where a key of the outermost object stands, and where its value.
struct Member {
  std::string key;
  std::size_t key_begin = 0, begin = 0, end = 0;
};

class Scanner {
 public:
  explicit Scanner(const std::string& text) : text_(text) {}

  std::vector<Member> members() {
    std::vector<Member> found;
    skip_blanks();
    expect('{');
    for (skip_blanks(); here() != '}'; skip_blanks()) {
      if (here() == ',') {
        ++at_;
        skip_blanks();
      }
      Member member;
      member.key_begin = at_;
      skip_value();
      member.key = Json::parse(text_.substr(member.key_begin, at_ - member.key_begin));
      skip_blanks();
      expect(':');
      skip_blanks();
      member.begin = at_;
      skip_value();
      member.end = at_;
      found.push_back(std::move(member));
    }
    return found;
  }
  /// After members(): the place of the closing brace.
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  [[nodiscard]] char here() const {
    if (at_ >= text_.size()) throw std::logic_error("not the text of a JSON object");
    return text_[at_];
  }
  void expect(char wanted) {
    if (here() != wanted) throw std::logic_error("not the text of a JSON object");
    ++at_;
  }
  void skip_blanks() {
    while (std::isspace(static_cast<unsigned char>(here())) != 0) ++at_;
  }
  void skip_text() {
    for (++at_; here() != '"'; ++at_) {
      if (here() == '\\') ++at_;
    }
    ++at_;
  }
  void skip_value() {
    int depth = 0;
    do {
      const char c = here();
      if (c == '"') {
        skip_text();
      } else if (c == '{' || c == '[') {
        ++depth, ++at_;
      } else if (c == '}' || c == ']') {
        --depth, ++at_;
      } else if (depth == 0) {
        skip_word();
      } else {
        ++at_;
      }
    } while (depth > 0);
  }
  void skip_word() {
    const std::size_t begin = at_;
    while (std::string(",}] \t\r\n").find(here()) == std::string::npos) ++at_;
    if (at_ == begin) throw std::logic_error("not the text of a JSON object");
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

/// Line break and indentation in front of the last key; "" where all stands in one line.
std::string blanks_before(const std::string& text, const Member& member) {
  std::size_t begin = member.key_begin;
  while (begin > 0 && std::isspace(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
  return text.substr(begin, member.key_begin - begin);
}

}  // namespace

std::string patched_json(const std::string& text, const std::map<std::string, Json>& changes) {
  Scanner scanner(text);
  const std::vector<Member> members = scanner.members();
  std::map<std::string, Json> fresh = changes;
  std::string result;
  std::size_t copied = 0;
  for (const Member& member : members) {
    const auto change = changes.find(member.key);
    if (change == changes.end()) continue;
    result += text.substr(copied, member.begin - copied) + change->second.dump();
    copied = member.end;
    fresh.erase(member.key);
  }
  const std::size_t end = members.empty() ? scanner.at() : members.back().end;
  result += text.substr(copied, end - copied);
  const std::string blanks = members.empty() ? "\n  " : blanks_before(text, members.back());
  bool first = members.empty();
  for (const auto& [key, value] : fresh) {
    result +=
        (std::exchange(first, false) ? "" : ",") + blanks + Json(key).dump() + ": " + value.dump();
  }
  return result + (members.empty() && !fresh.empty() ? "\n" : "") + text.substr(end);
}

}  // namespace assay
