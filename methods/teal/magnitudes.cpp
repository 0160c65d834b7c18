#include "methods/teal/magnitudes.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/model/standard_ffn.h"

namespace assay::teal {
namespace {

constexpr int kDroppedBits = 13;
constexpr std::uint32_t kMagnitude = 0x7FFFFFFFU;  ///< all bits but the sign
constexpr std::size_t kBins = (std::size_t{kMagnitude} >> kDroppedBits) + 1;

std::size_t bin_of(float value) {
  return (std::bit_cast<std::uint32_t>(value) & kMagnitude) >> kDroppedBits;
}

/// Lower edge; bins below the smallest normal number begin at 0, as which such numbers count.
double edge_of(std::size_t bin) {
  const auto edge = std::bit_cast<float>(static_cast<std::uint32_t>(bin << kDroppedBits));
  return edge < std::numeric_limits<float>::min() ? 0.0 : double{edge};
}

/// Where in a bin that `count` values fill the one lies that `before` values of it do not exceed.
double within(std::size_t bin, double before, double count) {
  const double low = edge_of(bin), high = edge_of(bin + 1);
  return std::isfinite(high) ? low + (high - low) * before / count : low;
}

}  // namespace

MagnitudeHistogram::MagnitudeHistogram() : counts_(kBins, 0) {}

void MagnitudeHistogram::add(const at::Tensor& values) {
  const at::Tensor local = values.to(at::kCPU, at::kFloat).contiguous();
  const auto* value = local.const_data_ptr<float>();
  const std::int64_t count = local.numel();
  for (std::int64_t i = 0; i < count; ++i) ++counts_[bin_of(value[i])];
  total_ += count;
}

at::Tensor MagnitudeHistogram::quantiles() const {
  if (total_ == 0) throw std::logic_error("quantiles of no values");
  at::Tensor table = at::empty({kQuantileSteps + 1}, at::kFloat);
  auto* entry = table.mutable_data_ptr<float>();
  std::size_t bin = 0;
  double below = 0;  // values in the bins before `bin`
  for (std::int64_t k = 0; k <= kQuantileSteps; ++k) {
    const double target =
        static_cast<double>(total_) * static_cast<double>(k) / static_cast<double>(kQuantileSteps);
    while (counts_[bin] == 0 || below + static_cast<double>(counts_[bin]) < target) {
      below += static_cast<double>(counts_[bin++]);
    }
    entry[k] = static_cast<float>(within(bin, target - below, static_cast<double>(counts_[bin])));
  }
  return table;
}

double magnitude_at(const at::Tensor& quantiles, double share) {
  if (share >= 1) return std::numeric_limits<double>::infinity();
  const auto* entry = quantiles.const_data_ptr<float>();
  const double place = std::max(0.0, share) * static_cast<double>(kQuantileSteps);
  const auto low = static_cast<std::int64_t>(place);
  const double part = place - static_cast<double>(low);
  return entry[low] + part * (double{entry[low + 1]} - entry[low]);
}

double share_up_to(const at::Tensor& quantiles, double magnitude) {
  const auto* first = quantiles.const_data_ptr<float>();
  const auto* last = first + kQuantileSteps + 1;
  const auto* above = std::upper_bound(first, last, magnitude,
                                       [](double value, float entry) { return value < entry; });
  if (above == first) return 0;
  if (above == last) return 1;
  const double low = above[-1], high = *above;
  const double place = static_cast<double>(above - 1 - first) + (magnitude - low) / (high - low);
  return place / static_cast<double>(kQuantileSteps);
}

const char* place_name(Place place) {
  switch (place) {
    case Place::kQkv:
      return "qkv";
    case Place::kOut:
      return "o";
    case Place::kFfn:
      return "ffn";
    case Place::kDown:
      return "down";
    case Place::kGate:
      break;
  }
  return "gate";
}

void LayerMagnitudes::record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext&) {
  switch (tap) {
    case Tap::kQkvInput:
      return places_[Place::kQkv].add(rows);
    case Tap::kOutInput:
      return places_[Place::kOut].add(rows);
    case Tap::kFfnInput:
      return places_[Place::kFfn].add(rows);
    case Tap::kDownInput:
      return places_[Place::kDown].add(rows);
    case Tap::kPreActivation:
      if (spec_.ffn_gated) places_[Place::kGate].add(activate(rows.clone(), spec_.activation));
      return;
    default:
      return;
  }
}

}  // namespace assay::teal
