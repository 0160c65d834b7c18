#pragma once
// Nothing is trained on what it is judged by.

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"

namespace assay {

/// Throws UserError where texts of a method's labelled training data stand in the items of a suite
/// that scores it, or where more of a suite's text than chance explains stands in the text that it
/// trains on (TextOverlap::too_much), naming both places. Reads prepared data.
void check_training_texts(const Plan& plan, const Catalogue& catalogue);

}  // namespace assay
