#pragma once
// Judging scores of items: both sides answered the same questions, so the comparison is paired.

#include <optional>
#include <vector>

#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

/// What of an item a metric is made of.
enum class ItemScale {
  kCorrect,     ///< mean of `correct`: an accuracy
  kPerplexity,  ///< exp of the mean of nll / tokens
  kDivergence,  ///< mean of `kld`
};

/// The scale by which the items reproduce the metric's value (to 1e-6), if one does.
std::optional<ItemScale> scale_of(const MetricRecord& metric, const std::vector<ItemScore>& items);

/// Values of items that both sides have, paired by item_hash (and, where a hash occurs several
/// times, by the order of occurrence).
struct ItemPairs {
  std::vector<double> a, b;
  std::size_t unpaired = 0;  ///< items of either side without a partner
};
ItemPairs pair_items(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b,
                     ItemScale scale);

/// How answers changed over the items that both sides have; both must store `correct`. Which answer
/// was given is `score`.
Flips flips_of(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b);

/// Accuracies: McNemar's exact test (mid-p beside it), effect and interval are differences
/// (Student's t over items). Others: sign flips over items, effect is the ratio of the metric,
/// interval by paired bootstrap. An item without a partner makes it "not measured" (items_differ).
void judge_items(Judgement& judgement, const ItemPairs& pairs, ItemScale scale, int direction,
                 const Rules& rules);

}  // namespace assay
