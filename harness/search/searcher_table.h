#pragma once
// What CMake makes of the folder searchers/.

#include <vector>

#include "harness/search/searcher.h"

namespace assay::search {

const std::vector<SearcherInfo>& searcher_table();

}  // namespace assay::search
