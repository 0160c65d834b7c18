#pragma once
// Remarks beside the results that they touch, and the numbers of notes.

#include <string>
#include <vector>

#include "harness/base/numbered_notes.h"
#include "harness/store/store.h"
#include "reports/document.h"

namespace assay {

/// The notes of a document while it is made.
class Notes {
 public:
  Notes() = default;
  explicit Notes(RemarkIndex remarks) : remarks_(std::move(remarks)) {}

  void add(TableCell& cell, const std::string& text);
  /// Marks a cell of a table with all that touches the row it shows.
  void add_remarks(TableCell& cell, const ResultRow& row);
  void add_remark(TableCell& cell, const RowRemark& remark);
  /// The same for what is made of a cell's values.
  void add_cell_remarks(TableCell& cell, const std::string& cell_key);

  [[nodiscard]] const RemarkIndex& remarks() const { return remarks_; }
  [[nodiscard]] std::vector<std::string> list() const { return notes_.list(); }

 private:
  RemarkIndex remarks_;
  NumberedNotes notes_;
};

/// A status word, marked with its reason where there is one.
TableCell status_cell(const std::string& word, const std::string& reason, Notes& notes);

/// "not_steady: the later half took longer": a note, a line of a label.
std::string remark_text(const RowRemark& remark);
/// All of a row in one line; "" without any.
std::string remarks_line(const std::vector<RowRemark>& remarks);

}  // namespace assay
