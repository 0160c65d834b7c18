#pragma once
// Notes below a table, numbered in the order in which they are first referred to.

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/base/ranged_text.h"

namespace assay {

/// True for remarks about what was measured (codes `data_`, `model_`, `items_`), false for those
/// about the processes that measured it.
bool speaks_of_subject(const std::string& code);

/// Equal texts are one note, and so are remarks about processes that differ in their numbers alone,
/// which become ranges.
class NumberedNotes {
 public:
  /// Number of the note with this text, from 1.
  std::size_t of_text(const std::string& text);
  /// The same for `text`, in which a remark with this code is told.
  std::size_t of_remark(const std::string& code, const std::string& text);
  /// The texts of notes 1, 2, ...; complete when everything was numbered.
  [[nodiscard]] std::vector<std::string> list() const;

 private:
  std::size_t number(const std::string& key, const RangedText& text);

  std::vector<RangedText> texts_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace assay
