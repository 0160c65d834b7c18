#pragma once
// What a split block takes, and what a target leaves to solve. Everything is computed from shapes,
// before any weight is touched; that the blocks made later take exactly this is tested.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "methods/ffsplit/settings.h"

namespace assay::ffsplit {

/// One feed-forward block.
struct FfnShape {
  std::int64_t width = 0;    ///< d
  std::int64_t neurons = 0;  ///< h
  bool gated = false;
  bool bias = false;
  std::int64_t element_size = 4;  ///< bytes of an unquantised number
  [[nodiscard]] std::int64_t entries() const { return gated ? 2 : 1; }  ///< matrices that read x
};

/// Parameters (a quantised weight is one) and bytes.
struct Size {
  std::int64_t params = 0, bytes = 0;
  Size& operator+=(const Size& other);
  [[nodiscard]] std::int64_t in(Denominator denominator) const;
};

/// The largest rank at which two factors of a [neurons, width] matrix are smaller than the matrix.
std::int64_t largest_saving_rank(const FfnShape& shape, std::int64_t neurons);
/// Whether the part is really factorised: a rank that saves nothing leaves the matrices as they
/// are.
bool factorises(const FfnShape& shape, const PartSettings& part, std::int64_t neurons);

Size dense_size(const FfnShape& shape);
/// Of a block with `heavy` neurons in part 1. One without part 1 or 2 has only the other.
Size split_size(const FfnShape& shape, const std::array<PartSettings, 2>& parts,
                std::int64_t heavy);

/// Neurons of part 1 in each layer, and the compressors with the rank that was solved.
struct Plan {
  std::vector<std::int64_t> heavy;
  std::array<PartSettings, 2> parts;
};

/// A plan, or why there is none.
struct Sizing {
  Plan plan;
  std::string problem;  ///< empty = fine; else names what is allowed or the nearest feasible target
};

/// Solves what the settings leave open. `heavy`: neurons of part 1 in each layer, all equal unless
/// p_scope is global. `rest`: what the denominator holds beside the feed-forward blocks.
Sizing solve(const Settings& settings, const FfnShape& shape, std::vector<std::int64_t> heavy,
             const Size& rest);

/// What p asks of each of `layers` equal layers, or why that is no split.
struct UniformCounts {
  std::vector<std::int64_t> heavy;
  std::string problem;
};
UniformCounts uniform_counts(const Settings& settings, const FfnShape& shape, std::int64_t layers);

}  // namespace assay::ffsplit
