#pragma once
// Fields of result rows by name, for conditions and groupings.

#include <map>
#include <string>
#include <vector>

#include "harness/store/store.h"
#include "reports/labels.h"

namespace assay {

/// Text of fields of rows; parameters are parsed once a distinct text.
class Fields {
 public:
  explicit Fields(const std::vector<ResultRow>& rows);

  /// Throws UserError with the known names for one that no row has.
  void require(const std::string& field) const;
  /// "" where the row has no such parameter.
  [[nodiscard]] std::string text(const ResultRow& row, const std::string& field) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  using Parameters = std::map<std::string, std::string>;
  Labels labels_;
  std::map<std::string, Parameters> parsed_;
  std::vector<std::string> names_;
};

}  // namespace assay
