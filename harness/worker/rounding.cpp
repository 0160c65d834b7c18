#include "harness/worker/rounding.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/uniform.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

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

/// Stands in a block's place and hands on all that is asked of it.
template <typename Block>
class Noisy : public Block {
 public:
  Noisy(std::unique_ptr<Block> inner, std::shared_ptr<Noise> noise)
      : inner_(std::move(inner)), noise_(std::move(noise)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    return noise_->on(inner_->forward(noise_->on(rows), step));
  }
  Linear* linear(LinearRole role) const override { return inner_->linear(role); }
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override {
    inner_->replace_linear(role, std::move(block));
  }
  Cost cost() const override { return inner_->cost(); }
  std::unique_ptr<Block> clone() const override { return inner_->clone(); }
  [[nodiscard]] std::unique_ptr<Block> take() { return std::move(inner_); }

 protected:
  std::unique_ptr<Block> inner_;

 private:
  std::shared_ptr<Noise> noise_;
};

class NoisyFfn final : public Noisy<Ffn> {
 public:
  using Noisy<Ffn>::Noisy;
  bool prefill_equals_decode() const override { return inner_->prefill_equals_decode(); }
};

template <typename Block>
void unwrap(std::unique_ptr<Block>& block) {
  block = static_cast<Noisy<Block>&>(*block).take();
}

}  // namespace

RoundingNoise::RoundingNoise(Model& model, std::uint64_t seed) : model_(model) {
  const auto noise = std::make_shared<Noise>(seed);
  for (Layer& layer : model_.layers()) {
    layer.attention = std::make_unique<Noisy<Attention>>(std::move(layer.attention), noise);
    layer.ffn = std::make_unique<NoisyFfn>(std::move(layer.ffn), noise);
  }
}

RoundingNoise::~RoundingNoise() {
  for (Layer& layer : model_.layers()) {
    unwrap(layer.attention);
    unwrap(layer.ffn);
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
