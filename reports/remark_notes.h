#pragma once
// Remarks beside the results that they touch, and the numbers of notes.

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/store/store.h"
#include "reports/document.h"

namespace assay {

/// The notes of a document while it is made. Equal texts are one note, whatever cells they touch.
class Notes {
 public:
  Notes() = default;
  explicit Notes(RemarkIndex remarks) : remarks_(std::move(remarks)) {}

  std::size_t number(const std::string& text);
  void add(TableCell& cell, const std::string& text);
  /// Marks a cell of a table with all that touches the row it shows.
  void add_remarks(TableCell& cell, const ResultRow& row);
  /// The same for what is made of a cell's values.
  void add_cell_remarks(TableCell& cell, const std::string& cell_key);

  [[nodiscard]] const RemarkIndex& remarks() const { return remarks_; }
  [[nodiscard]] const std::vector<std::string>& list() const { return list_; }

 private:
  RemarkIndex remarks_;
  std::vector<std::string> list_;
  std::unordered_map<std::string, std::size_t> places_;
};

/// "not_steady: the later half took longer": a note, a line of a label.
std::string remark_text(const RowRemark& remark);
/// All of a row in one line; "" without any.
std::string remarks_line(const std::vector<RowRemark>& remarks);

}  // namespace assay
