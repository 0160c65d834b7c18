#pragma once
// Which metrics a table shows, in which order and words. CSV and JSON hold all of them.

#include <string>
#include <vector>

namespace assay {

struct Headline {
  std::string tag;    ///< a metric's whole tag
  std::string title;  ///< what the column is called
  bool ratio = true;  ///< show the ratio to the dense twin
  /// About method and model, not about a suite: one column a table.
  bool of_artefact = false;
};

/// In column order.
const std::vector<Headline>& headlines();

}  // namespace assay
