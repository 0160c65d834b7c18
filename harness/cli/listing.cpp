#include "harness/cli/listing.h"

#include <algorithm>
#include <sstream>

#include "harness/base/display.h"

namespace assay {
namespace {

using Line = std::vector<std::string>;

/// Narrower than this a column is not broken: it would be one word a line.
constexpr std::size_t kNarrowest = 24;
constexpr std::size_t kGap = 2;

std::vector<Line> without_empty_columns(const std::vector<Line>& lines) {
  std::vector<Line> kept(lines.size());
  for (std::size_t column = 0; column < lines.front().size(); ++column) {
    const bool any = std::any_of(lines.begin() + 1, lines.end(),
                                 [&](const Line& line) { return !line[column].empty(); });
    for (std::size_t i = 0; any && i < lines.size(); ++i) kept[i].push_back(lines[i][column]);
  }
  return kept;
}

/// Columns of a terminal before the last column begins.
std::size_t indent_of(const std::vector<Line>& lines) {
  std::size_t indent = 0;
  for (std::size_t column = 0; column + 1 < lines.front().size(); ++column) {
    std::size_t widest = 0;
    for (const Line& line : lines) widest = std::max(widest, display_width(line[column]));
    indent += widest + kGap;
  }
  return indent;
}

/// At blanks; a word that is wider stays whole.
std::vector<std::string> broken(const std::string& text, std::size_t width) {
  std::vector<std::string> parts(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t used = display_width(parts.back());
    if (used > 0 && used + 1 + display_width(word) > width) parts.emplace_back();
    parts.back() += (parts.back().empty() ? "" : " ") + word;
  }
  return parts;
}

std::vector<Line> wrapped(const std::vector<Line>& lines, std::size_t width) {
  std::vector<Line> result;
  for (const Line& line : lines) {
    Line next = line;
    for (const std::string& part : broken(line.back(), width)) {
      next.back() = part;
      result.push_back(next);
      next.assign(line.size(), "");
    }
  }
  return result;
}

}  // namespace

std::string listing(const std::vector<std::string>& titles,
                    const std::vector<std::vector<std::string>>& lines, int width) {
  if (lines.empty()) return "";
  std::vector<Line> all = {titles};
  all.insert(all.end(), lines.begin(), lines.end());
  all = without_empty_columns(all);
  const std::size_t indent = indent_of(all);
  const std::size_t room = width > 0 ? static_cast<std::size_t>(width) : 0;
  if (room >= indent + kNarrowest) all = wrapped(all, room - indent);
  return columns(all);
}

}  // namespace assay
