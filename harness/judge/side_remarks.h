#pragma once
// What was said beside the values of either side of a comparison.

#include <string>
#include <vector>

#include "harness/store/records.h"

namespace assay {

struct SideRemark {
  std::string side;  ///< "base", "candidate", "both"
  std::string code, text;
};

/// Remarks of two cells, those that both have once; either may be null.
std::vector<SideRemark> side_remarks(const CellRecord* base, const CellRecord* candidate);

}  // namespace assay
