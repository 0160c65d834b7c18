#include "reports/remark_notes.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

void mark(TableCell& cell, std::size_t note) {
  const auto place = std::ranges::lower_bound(cell.notes, note);
  if (place == cell.notes.end() || *place != note) cell.notes.insert(place, note);
}

RowRemark row_remark(const Remark& remark) {
  RowRemark result{remark.code, remark.text};
  if (remark.processes < remark.of_processes && !speaks_of_subject(remark.code)) {
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

void Notes::add(TableCell& cell, const std::string& text) { mark(cell, notes_.of_text(text)); }

void Notes::add_remark(TableCell& cell, const RowRemark& remark) {
  mark(cell, notes_.of_remark(remark.code, remark_text(remark)));
}

void Notes::add_remarks(TableCell& cell, const ResultRow& row) {
  for (const RowRemark& remark : remarks_.of(row)) add_remark(cell, remark);
}

void Notes::add_cell_remarks(TableCell& cell, const std::string& cell_key) {
  for (const RowRemark& remark : remarks_.of_cell(cell_key)) add_remark(cell, remark);
}

TableCell status_cell(const std::string& word, const std::string& reason, Notes& notes) {
  TableCell cell;
  cell.kind = TableCell::Kind::kStatus;
  cell.text = word;
  if (!reason.empty()) notes.add(cell, word + ": " + reason);
  return cell;
}

std::string remark_text(const RowRemark& remark) { return remark.code + ": " + remark.text; }

std::string remarks_line(const std::vector<RowRemark>& remarks) {
  std::string line;
  for (const RowRemark& remark : remarks) line += (line.empty() ? "" : "; ") + remark_text(remark);
  return line;
}

}  // namespace assay
