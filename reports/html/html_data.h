#pragma once
// What the page's own program reads: the plots, and every value behind the tables.

#include <string>
#include <vector>

#include "reports/document.h"

namespace assay {

/// Rows that the page's table of all values holds; more make a page that nobody opens.
inline constexpr std::size_t kMostValueRows = 60'000;

/// What the table of all values leaves out, in a sentence.
std::string values_text(const std::vector<Document>& documents);

/// Collects plots in the order in which figures ask for them; write() gives one JSON document.
class PageData {
 public:
  /// Index for append_figure.
  std::size_t add(const Plot& plot);
  [[nodiscard]] std::string write(const std::vector<Document>& documents) const;

 private:
  std::vector<const Plot*> plots_;
};

}  // namespace assay
