#pragma once
// Lists as columns with titles, for people.

#include <string>
#include <vector>

namespace assay {

/// Columns under their titles, a column of at least a name; a column without a value in any line is
/// left out. Where the terminal has a `width` (0: none), the last column goes on below itself
/// instead of the terminal's edge.
std::string listing(const std::vector<std::string>& titles,
                    const std::vector<std::vector<std::string>>& lines, int width);

}  // namespace assay
