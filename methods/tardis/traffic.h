#pragma once
// Weight traffic of a token, relative to the dense block, which reads 2 d h weights of 16 bits:
// the accounting behind "compression ratio".

#include <cstdint>
#include <string>

namespace assay {

struct FfnShape {
  std::int64_t width = 0, neurons = 0;
};

/// d^2 / (2 d h): 1/8 where h = 4 d.
double fold_share(const FfnShape& shape);

/// Of a predictor that stores each weight of the first matrix in `bits` bits, and `group_bits` more
/// (scale, zero point) for every `group` weights: half of the block's weights, at their bits.
double predictor_share(double bits, double group_bits, double group);

/// Fallback share f that leaves a reduction of `target`, when `fixed` is read for every token:
/// 1 - target - fixed. Negative when the target cannot be met.
double allowed_fallback(double target, double fixed);

/// The paper's ratio for a measured fallback: 1 - (d^2 + 2 d E|S|) / (2 d h). It counts what is
/// read, not what is resident, and leaves the predictor out.
double paper_ratio(const FfnShape& shape, double fallback);

}  // namespace assay
