#include "harness/judge/instruments.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

bool decided(Verdict verdict) { return verdict == Verdict::kBetter || verdict == Verdict::kWorse; }

std::string change_of(const Judgement& judgement) {
  return fmt::format("{:+.1f} %", 100 * (judgement.effect.value_or(1) - 1));
}

}  // namespace

void hold_against_count(std::vector<Judgement>& judgements,
                        const std::function<Judgement()>& count) {
  const auto time = std::find_if(judgements.begin(), judgements.end(), [](const Judgement& one) {
    return one.metric == kCountedLatency;
  });
  if (time == judgements.end() || time->verdict == Verdict::kNotMeasured) return;
  const Judgement counted = count();
  if (counted.verdict == Verdict::kNotMeasured || counted.verdict == time->verdict) return;
  if (!decided(time->verdict) && !decided(counted.verdict)) return;
  because(*time, "instruments_disagree",
          fmt::format("the clock says {} ({}), the instructions say {} ({}): look at the memory "
                      "layout, or at what else the machine was doing",
                      verdict_name(time->verdict), change_of(*time), verdict_name(counted.verdict),
                      change_of(counted)));
  if (decided(time->verdict)) time->verdict = Verdict::kAmbiguous;
}

}  // namespace assay
