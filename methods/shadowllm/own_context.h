#pragma once
// What layers with a predictor of their own read: the contexts of heads.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "harness/contextual/predictor.h"
#include "harness/contextual/routed_attention.h"
#include "harness/contextual/top_chooser.h"

namespace assay::shadowllm {

/// Shows a layer's context, zeros where heads did not run, to choosers of the next as the stream of
/// its attention (LayerStreams).
class ShowsContext final : public ContextReader {
 public:
  explicit ShowsContext(std::shared_ptr<const char> owner) : owner_(std::move(owner)) {}
  void read(const at::Tensor& context, const StepContext& step) const override;
  void visit_tensors(const VisitTensor& /*visit*/) override {}
  [[nodiscard]] Cost cost() const override { return {}; }
  [[nodiscard]] std::unique_ptr<ContextReader> share() const override {
    return std::make_unique<ShowsContext>(*this);
  }

 private:
  std::shared_ptr<const char> owner_;
};

/// Heads predicted from what all of them gave: nothing is saved.
class ByOwnContext final : public TopChooser {
 public:
  ByOwnContext(std::unique_ptr<Predictor> predictor, std::int64_t count)
      : TopChooser(count), predictor_(std::move(predictor)) {}
  [[nodiscard]] bool needs_values() const override { return true; }
  void visit_tensors(const VisitTensor& visit) override { predictor_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return predictor_->cost(); }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<ByOwnContext>(predictor_->share(), count());
  }

 private:
  [[nodiscard]] at::Tensor scores(const ChoiceInput& input,
                                  const StepContext& step) const override {
    return predictor_->forward(input.values);
  }
  std::unique_ptr<Predictor> predictor_;
};

}  // namespace assay::shadowllm
