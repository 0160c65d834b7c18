#pragma once
// Judging scores of items: both sides answered the same questions, so the comparison is paired.

#include <string>
#include <vector>

#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

/// Values of the items that a metric is made of, paired by item_hash (and, where a hash occurs
/// several times, by the order of occurrence).
struct ItemPairs {
  std::vector<double> a, b;
  std::size_t unpaired = 0;  ///< items of either side without a partner
  bool stored = true;        ///< false: a side has no item with such a value
};

/// `value` is the name that the metric declares (harness/protocol/item_value.h). Items without it
/// are left out.
ItemPairs pair_items(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b,
                     const std::string& value);

/// How answers changed over the items that both sides have; both must store `correct`. Which answer
/// was given is `score`.
Flips flips_of(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b);

/// `basis` is one of items. An item without a partner makes it "not measured" (items_differ). Pairs
/// that are equal to the rounding of single precision are "same", however few there are. Else:
///  * shares: effect and interval (Student's t) are differences; McNemar's exact test where every
///    item is right or wrong, sign flips over items where it is a share itself;
///  * means and perplexities: sign flips over items, effect is the ratio of the metric, interval by
///    paired bootstrap; by Student's t of the difference, as a part of the base's mean, where an
///    item is 0. A base of 0 has no ratio: the test alone decides then (from_zero).
void judge_items(Judgement& judgement, const ItemPairs& pairs, Basis basis, int direction,
                 const Rules& rules);

}  // namespace assay
