#include "harness/judge/gate.h"

namespace assay {

bool hints_at_loss(const Judgement& judgement) {
  if (judgement.verdict != Verdict::kAmbiguous) return false;
  if (!judgement.effect) return true;
  const bool more_is_better = judgement.direction > 0;
  if (judgement.difference) {
    return (more_is_better ? -*judgement.effect : *judgement.effect) > judgement.threshold;
  }
  const auto cost = [&](double ratio) { return (more_is_better ? 1 / ratio : ratio) - 1; };
  return cost(*judgement.effect) > judgement.threshold ||
         cost(judgement.paired_effect.value_or(*judgement.effect)) > judgement.threshold;
}

}  // namespace assay
