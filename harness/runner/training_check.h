#pragma once
// Nothing is trained on what it is judged by.

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"

namespace assay {

/// Throws UserError where texts of a method's training data stand in the items of a suite that
/// scores it, naming both places. Reads prepared data.
void check_training_texts(const Plan& plan, const Catalogue& catalogue);

}  // namespace assay
