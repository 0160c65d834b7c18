#pragma once
// What stands over everything that is made from these values.

#include <vector>

#include "reports/document.h"

namespace assay {

/// Adds the lines and watermarks for limited suites, random weights and imported values.
void add_run_warnings(Document& document, const std::vector<ResultRow>& rows);

}  // namespace assay
