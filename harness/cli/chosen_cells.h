#pragma once
// Cells of a plan that a user names by their keys.

#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"

namespace assay {

/// The cells whose keys begin with one of `beginnings`, each of which must fit exactly one. Throws
/// UserError naming what it fits, or how to see the keys.
std::vector<const Cell*> cells_by_key(const Plan& plan, const Catalogue& catalogue,
                                      const std::vector<std::string>& beginnings);

}  // namespace assay
