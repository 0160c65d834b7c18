#pragma once
// Remarks beside the results that they touch, and the numbers of notes.

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/store/store.h"
#include "reports/document.h"
#include "reports/ranged_text.h"

namespace assay {

/// The notes of a document while it is made. Equal texts are one note, whatever cells they touch;
/// so are remarks of processes that differ in their numbers alone, which become ranges.
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
  /// The texts of notes 1, 2, ...; complete when all cells are marked.
  [[nodiscard]] std::vector<std::string> list() const;

 private:
  /// The note of that key, made from `text` or widened by it.
  std::size_t number(const std::string& key, const RangedText& text);

  RemarkIndex remarks_;
  std::vector<RangedText> texts_;
  std::unordered_map<std::string, std::size_t> places_;
};

/// "not_steady: the later half took longer": a note, a line of a label.
std::string remark_text(const RowRemark& remark);
/// All of a row in one line; "" without any.
std::string remarks_line(const std::vector<RowRemark>& remarks);

}  // namespace assay
