#pragma once
// Statistics of a confusion table as means over items.
//
// F1 and Matthews' correlation are functions of means (how often a class is right, chosen, both).
// Each item's value here is the statistic plus the item's influence on it, the first-order term of
// its Taylor expansion. Influences sum to zero: the mean of the values is the statistic itself, the
// standard error of that mean is the statistic's by the delta method, and the values of two models
// can be compared item by item like those of any other metric.

#include <cstdint>
#include <span>
#include <vector>

namespace assay {

/// Of one item.
struct ChosenClass {
  std::int64_t gold = 0, chosen = 0;
};

/// F1 of one class. All 0 where the class is neither right nor chosen anywhere.
std::vector<double> f1_values(std::span<const ChosenClass> items, std::int64_t positive);

/// Mean of the F1 of those classes that are right or chosen somewhere.
std::vector<double> macro_f1_values(std::span<const ChosenClass> items, std::int64_t classes);

/// Matthews' correlation, of more than two classes in Gorodkin's form (R_K). All 0 where only one
/// class is right, or only one is chosen.
std::vector<double> matthews_values(std::span<const ChosenClass> items, std::int64_t classes);

}  // namespace assay
