#include "methods/tardis/traffic.h"

namespace assay {
namespace {

constexpr double kDenseBits = 16;

}  // namespace

double fold_share(const FfnShape& shape) {
  return static_cast<double>(shape.width) / (2 * static_cast<double>(shape.neurons));
}

double predictor_share(double bits, double group_bits, double group) {
  return (bits + group_bits / group) / (2 * kDenseBits);
}

double allowed_fallback(double target, double fixed) { return 1 - target - fixed; }

double paper_ratio(const FfnShape& shape, double fallback) {
  return 1 - fold_share(shape) - fallback;
}

}  // namespace assay
