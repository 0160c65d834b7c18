#pragma once

#include <vector>

namespace assay::tune {

/// How a value goes as each axis rises: -1 falls, 1 rises, 0 nobody knows.
using Directions = std::vector<int>;

/// Signs that most pairs of places that differ in one axis only agree on; 0 without such a pair.
/// `places` and `values`: as many.
Directions directions_of(const std::vector<std::vector<double>>& places,
                         const std::vector<double>& values);

/// The values half-way between the least monotone function above them and the largest below:
/// monotone in each axis that has a direction, and unchanged where they were. Axes without one tell
/// nothing of places that differ in them. O(n^2).
std::vector<double> monotone(const std::vector<std::vector<double>>& places,
                             const std::vector<double>& values, const Directions& directions);

}  // namespace assay::tune
