#pragma once
// One prediction for all layers behind the first, made from what the heads of the first give.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "harness/contextual/choice.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor.h"
#include "harness/contextual/routed_attention.h"

namespace assay::shadowllm {

/// How scores of all layers become masks.
struct AllLayers {
  std::vector<std::int64_t> units;  ///< of each layer
  double density = 1;               ///< part that stays, the first layer counted with the others
  ChoiceStyle style = ChoiceStyle::kGlobal;
  double floor = 0;               ///< kHybrid: part of a layer
  std::int64_t compat_floor = 1;  ///< kHybridCompat: units of a layer
};

/// scores f32 [n, units of all layers] -> bool, likewise: each row by itself.
at::Tensor masks_of(const AllLayers& all, const at::Tensor& scores);

/// A predictor of one site, and what becomes of its scores.
struct SitePrediction {
  std::unique_ptr<Predictor> predictor;
  AllLayers all;
};

/// What the first layer gives in a pass, and the masks of all layers once one of them asked.
class ShadowMasks {
 public:
  /// The predictions must outlive the pass; null: all units of the site run.
  void begin(const SitePrediction* heads, const SitePrediction* neurons, const at::Tensor& context);
  /// bool [n, units of all layers]. Throws DoesNotApply where the first layer has not run.
  [[nodiscard]] const at::Tensor& of(RoutingSite site);

 private:
  struct Site {
    const SitePrediction* prediction = nullptr;
    at::Tensor masks;  ///< undefined until they are asked for
  };
  Site heads_, neurons_;
  at::Tensor context_;
};

class ShadowReader final : public ContextReader {
 public:
  ShadowReader(std::optional<SitePrediction> heads, std::optional<SitePrediction> neurons,
               std::shared_ptr<const char> owner)
      : heads_(std::move(heads)), neurons_(std::move(neurons)), owner_(std::move(owner)) {}
  void read(const at::Tensor& context, const StepContext& step) const override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<ContextReader> share() const override;

 private:
  std::optional<SitePrediction> heads_, neurons_;
  std::shared_ptr<const char> owner_;
};

/// Reads its layer's part of the masks.
class ShadowChooser final : public Chooser {
 public:
  /// `first`: place of the layer's first unit among those of all layers.
  ShadowChooser(RoutingSite site, std::int64_t first, std::int64_t units,
                std::shared_ptr<const char> owner)
      : site_(site), first_(first), units_(units), owner_(std::move(owner)) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext& step) const override;
  [[nodiscard]] std::unique_ptr<Chooser> share() const override {
    return std::make_unique<ShadowChooser>(*this);
  }

 private:
  RoutingSite site_;
  std::int64_t first_, units_;
  std::shared_ptr<const char> owner_;
};

}  // namespace assay::shadowllm
