#pragma once
// Sets of points with two objectives, both minimised.
//
// a dominates b when a is nowhere larger and somewhere smaller. Equal points do not dominate each
// other: both are on the front. Infinity is a number here; NaN is std::invalid_argument.

#include <array>
#include <span>
#include <vector>

namespace assay::search {

/// {loss of quality, size or latency}.
using Objectives = std::array<double, 2>;

/// For each point whether no other dominates it. O(n log n).
std::vector<bool> non_dominated(std::span<const Objectives> points);

/// Area that the points dominate below `reference`, which is finite:
/// sum of (r1 - f1_i) (f2_{i-1} - f2_i) over the front by ascending f1, with f2_0 = r2.
/// Points that are not below the reference in both objectives add nothing.
double hypervolume(std::span<const Objectives> points, const Objectives& reference);

/// Front of each point by repeated removal of the non-dominated ones, 0 first (Deb et al. 2002,
/// "A fast and elitist multiobjective genetic algorithm: NSGA-II").
std::vector<int> ranks(std::span<const Objectives> points);

/// Crowding distance of each point within its rank: for both objectives
/// (next - previous) / (largest - smallest), summed; the ends are infinite. Equal values stand in
/// the order of their indices; a span that is zero or infinite adds nothing.
std::vector<double> crowding(std::span<const Objectives> points, const std::vector<int>& ranks);

}  // namespace assay::search
