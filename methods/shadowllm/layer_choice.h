#pragma once
// Predictors of one layer each, in DejaVu's manner, that have learnt a criterion.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor.h"
#include "harness/contextual/routed_attention.h"

namespace assay::shadowllm {

/// What the heads of the last two layers gave in a pass.
class LayerContexts {
 public:
  /// context [n, heads * head_dim]; heads that did not run are zeros
  void put(std::int64_t layer, const at::Tensor& context);
  /// Throws DoesNotApply for a layer that has not run.
  [[nodiscard]] const at::Tensor& at(std::int64_t layer) const;

 private:
  std::map<std::int64_t, at::Tensor> contexts_;
};

class LayerReader final : public ContextReader {
 public:
  explicit LayerReader(std::shared_ptr<const char> owner) : owner_(std::move(owner)) {}
  void read(const at::Tensor& context, const StepContext& step) const override;
  void visit_tensors(const VisitTensor& /*visit*/) override {}
  [[nodiscard]] Cost cost() const override { return {}; }
  [[nodiscard]] std::unique_ptr<ContextReader> share() const override {
    return std::make_unique<LayerReader>(*this);
  }

 private:
  std::shared_ptr<const char> owner_;
};

/// Where a layer's predictor looks.
enum class LooksAt {
  kContextOf,   ///< what the heads of layer `from` gave
  kOwnContext,  ///< what the heads gave whose choice it makes
};

class LayerChooser final : public Chooser {
 public:
  LayerChooser(std::unique_ptr<Predictor> predictor, std::int64_t count, LooksAt looks_at,
               std::int64_t from, std::shared_ptr<const char> owner)
      : predictor_(std::move(predictor)),
        count_(count),
        looks_at_(looks_at),
        from_(from),
        owner_(std::move(owner)) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext& step) const override;
  [[nodiscard]] bool needs_values() const override { return looks_at_ == LooksAt::kOwnContext; }
  void visit_tensors(const VisitTensor& visit) override { predictor_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return predictor_->cost(); }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<LayerChooser>(predictor_->share(), count_, looks_at_, from_, owner_);
  }

 private:
  std::unique_ptr<Predictor> predictor_;
  std::int64_t count_;
  LooksAt looks_at_;
  std::int64_t from_;
  std::shared_ptr<const char> owner_;
};

}  // namespace assay::shadowllm
