#include "harness/worker/rounding.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/uniform.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "harness/model/wrapped.h"

namespace assay {
namespace {

double unit_of(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? 0x1p-8 : std::numeric_limits<float>::epsilon();
}

/// One generator for all blocks of a model, so that no two draws are the same.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}
  at::Tensor on(const at::Tensor& rows) {
    const double unit = unit_of(rows.scalar_type());
    at::Tensor draws = at::empty(rows.sizes(), at::kFloat).uniform_(-unit, unit, generator_);
    const at::Tensor wide = rows.to(at::kFloat);
    const at::Tensor size = wide.square().mean(-1, true).sqrt();
    return wide.add(draws.to(rows.device()).mul(size)).to(rows.scalar_type());
  }

 private:
  at::Generator generator_;
};

/// Noise around a block. `Base` is WrappedAttention or WrappedFfn.
template <typename Base, typename Seam>
class Noisy final : public Base {
 public:
  Noisy(std::unique_ptr<Seam> inner, std::shared_ptr<Noise> noise)
      : Base(std::move(inner)), noise_(std::move(noise)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    return noise_->on(this->inner().forward(noise_->on(rows), step));
  }

 protected:
  std::unique_ptr<Seam> wrap(std::unique_ptr<Seam> inner) const override {
    return std::make_unique<Noisy>(std::move(inner), noise_);
  }

 private:
  std::shared_ptr<Noise> noise_;
};

using NoisyAttention = Noisy<WrappedAttention, Attention>;
using NoisyFfn = Noisy<WrappedFfn, Ffn>;

template <typename Wrapper, typename Seam>
void unwrap(std::unique_ptr<Seam>& block) {
  if (block) block = static_cast<Wrapper&>(*block).take();
}

}  // namespace

RoundingNoise::RoundingNoise(Model& model, std::uint64_t seed) : model_(model) {
  const auto noise = std::make_shared<Noise>(seed);
  for (Layer& layer : model_.layers()) {
    if (layer.attention) {
      layer.attention = std::make_unique<NoisyAttention>(std::move(layer.attention), noise);
    }
    if (layer.ffn) layer.ffn = std::make_unique<NoisyFfn>(std::move(layer.ffn), noise);
  }
}

RoundingNoise::~RoundingNoise() {
  for (Layer& layer : model_.layers()) {
    unwrap<NoisyAttention>(layer.attention);
    unwrap<NoisyFfn>(layer.ffn);
  }
}

bool PathTolerance::allows(double distance, const std::function<double()>& again) {
  if (distance <= allowed()) return true;
  for (std::uint64_t seed = 1; seed <= kPasses; ++seed) {
    const RoundingNoise noise(model_, seed);
    const double found = again();
    if (std::isfinite(found)) measured_ = std::max(measured_, std::min(kMost, kMargin * found));
  }
  return distance <= allowed();
}

}  // namespace assay
