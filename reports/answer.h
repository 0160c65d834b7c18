#pragma once
// What a report says first: sentences that verdicts carry, and the fronts behind them.

#include "reports/sections/sections.h"

namespace assay {

/// Of each model on each profile, with random weights about speed alone: which methods are best in
/// the first quality at their size, which are fastest at their quality, and what could not be told.
/// A method is named in the first two only if every other one, dense included, is told apart from
/// it as worse in one of both values; the comparisons of one method share a one-sided level of 5 %,
/// as those of best_of(). Where seeds are several the first one is spoken of, and said. Text
/// without sentences where nothing was measured that could carry one; `plots` are the fronts of the
/// values that the sentences are about.
Section answer_section(const SectionInput& input);

}  // namespace assay
