#pragma once
// Files that results were read from, for those that were not measured into the database at hand.

#include <map>
#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

/// Files by cell key, as Store::imported_from() gives them.
void set_origins(std::vector<ResultRow>& rows, const std::map<std::string, std::string>& files);

/// One line a file, with the number of cells that came out of it.
std::vector<std::string> origin_lines(const std::vector<ResultRow>& rows);

}  // namespace assay
