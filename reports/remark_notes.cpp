#include "reports/remark_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace assay {
namespace {

/// Remarks about what was measured: which of the processes said them means nothing.
bool of_subject(const std::string& code) {
  constexpr std::array<std::string_view, 3> kSubjects = {"data_", "model_", "items_"};
  return std::ranges::any_of(kSubjects, [&](auto prefix) { return code.starts_with(prefix); });
}

void mark(TableCell& cell, std::size_t note) {
  const auto place = std::ranges::lower_bound(cell.notes, note);
  if (place == cell.notes.end() || *place != note) cell.notes.insert(place, note);
}

RowRemark row_remark(const Remark& remark) {
  RowRemark result{remark.code, remark.text};
  if (remark.processes < remark.of_processes && !of_subject(remark.code)) {
    result.text += fmt::format(" (in {} of {} processes)", remark.processes, remark.of_processes);
  }
  return result;
}

}  // namespace

RemarkIndex::RemarkIndex(const std::vector<Remark>& remarks) {
  for (const Remark& remark : remarks) by_cell_[remark.cell_key].push_back(row_remark(remark));
}

std::vector<RowRemark> RemarkIndex::of(const ResultRow& row) const {
  std::vector<RowRemark> found = of_cell(row.cell_key);
  if (!row.no_interval.empty()) found.push_back({"no_interval", row.no_interval});
  return found;
}

std::vector<RowRemark> RemarkIndex::of_cell(const std::string& cell_key) const {
  const auto found = by_cell_.find(cell_key);
  return found == by_cell_.end() ? std::vector<RowRemark>() : found->second;
}

std::size_t Notes::number(const std::string& key, const RangedText& text) {
  const auto [place, added] = places_.emplace(key, texts_.size() + 1);
  if (added) {
    texts_.push_back(text);
  } else {
    texts_[place->second - 1].widen(text);
  }
  return place->second;
}

void Notes::add(TableCell& cell, const std::string& text) {
  mark(cell, number("=" + text, RangedText(text)));
}

void Notes::add_remark(TableCell& cell, const RowRemark& remark) {
  const std::string text = remark_text(remark);
  if (of_subject(remark.code)) return add(cell, text);
  const RangedText ranged(text);
  mark(cell, number("~" + ranged.pattern(), ranged));
}

void Notes::add_remarks(TableCell& cell, const ResultRow& row) {
  for (const RowRemark& remark : remarks_.of(row)) add_remark(cell, remark);
}

void Notes::add_cell_remarks(TableCell& cell, const std::string& cell_key) {
  for (const RowRemark& remark : remarks_.of_cell(cell_key)) add_remark(cell, remark);
}

std::vector<std::string> Notes::list() const {
  std::vector<std::string> list;
  for (const RangedText& text : texts_) list.push_back(text.text());
  return list;
}

std::string remark_text(const RowRemark& remark) { return remark.code + ": " + remark.text; }

std::string remarks_line(const std::vector<RowRemark>& remarks) {
  std::string line;
  for (const RowRemark& remark : remarks) line += (line.empty() ? "" : "; ") + remark_text(remark);
  return line;
}

}  // namespace assay
