#include "methods/contextual/controls.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/linalg_vector_norm.h>

namespace assay::contextual {
namespace {

/// One round of mixing of 32 bits in int64 elements (the finaliser of MurmurHash3).
at::Tensor mixed(at::Tensor x) {
  constexpr std::int64_t kWord = 0xffffffff;
  x = x.bitwise_xor(x.bitwise_right_shift(16)).mul(0x85ebca6bLL).bitwise_and(kWord);
  x = x.bitwise_xor(x.bitwise_right_shift(13)).mul(0xc2b2ae35LL).bitwise_and(kWord);
  return x.bitwise_xor(x.bitwise_right_shift(16));
}

std::int64_t key_of(std::uint64_t seed, std::int64_t layer, RoutingSite site) {
  const std::uint64_t key = seed * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(layer) * 2 +
                            (site == RoutingSite::kHeads ? 1 : 0);
  return static_cast<std::int64_t>((key ^ (key >> 32U)) & 0xffffffffULL);
}

}  // namespace

at::Tensor Oracle::scores(const ChoiceInput& input, const StepContext& /*step*/) const {
  const at::Tensor values = input.values.to(at::kFloat);
  if (head_dim_ == 1) return values.abs();
  return at::linalg_vector_norm(values.unflatten(1, {-1, head_dim_}), 2, at::IntArrayRef{2});
}

at::Tensor Lottery::scores(const ChoiceInput& /*input*/, const StepContext& step) const {
  const auto options = step.positions.options().dtype(at::kLong);
  const at::Tensor rows = mixed(step.positions.add(key_of(seed_, step.layer, site_)));
  const at::Tensor lots = mixed(rows.unsqueeze(1).bitwise_xor(at::arange(units_, options)));
  return mixed(lots.add(rows.unsqueeze(1)).bitwise_and(0xffffffff)).to(at::kFloat);
}

at::Tensor Fixed::choose(const ChoiceInput& /*input*/, const StepContext& step) const {
  return mask_.unsqueeze(0).expand({step.batch * step.tokens, mask_.size(0)});
}

}  // namespace assay::contextual
