#pragma once
// Rules that no predictor is trained for: what a trained one is to be compared with.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "harness/contextual/top_chooser.h"

namespace assay::contextual {

/// Those that gave most in this very token: it computes all units to find out. Neurons by the
/// magnitude of what down gets, heads by the L2 norm of their context.
class Oracle final : public TopChooser {
 public:
  /// head_dim 1: of neurons.
  Oracle(std::int64_t count, std::int64_t head_dim) : TopChooser(count), head_dim_(head_dim) {}
  [[nodiscard]] bool needs_values() const override { return true; }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<Oracle>(*this);
  }

 private:
  [[nodiscard]] at::Tensor scores(const ChoiceInput& input, const StepContext& step) const override;
  std::int64_t head_dim_;
};

/// Any, drawn anew for each token; the same for equal seed, layer and position.
class Lottery final : public TopChooser {
 public:
  Lottery(std::int64_t count, std::int64_t units, std::uint64_t seed, RoutingSite site)
      : TopChooser(count), units_(units), seed_(seed), site_(site) {}
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<Lottery>(*this);
  }

 private:
  [[nodiscard]] at::Tensor scores(const ChoiceInput& input, const StepContext& step) const override;
  std::int64_t units_;
  std::uint64_t seed_;
  RoutingSite site_;
};

/// The same for every token.
class Fixed final : public Chooser {
 public:
  /// bool [units]
  explicit Fixed(at::Tensor mask) : mask_(std::move(mask)) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext& step) const override;
  void visit_tensors(const VisitTensor& visit) override { visit("mask", mask_); }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<Fixed>(*this);
  }

 private:
  at::Tensor mask_;
};

}  // namespace assay::contextual
