#pragma once
// What stops a gate among the verdicts that decide nothing.

#include "harness/judge/verdict.h"

namespace assay {

/// True for an ambiguous judgement whose estimate is beyond what is allowed for the worse, or that
/// has no estimate: somebody must look. An estimate within what is allowed is no sign of a loss,
/// however uncertain it is; a gate that stopped for it would stop for noise.
bool hints_at_loss(const Judgement& judgement);

}  // namespace assay
