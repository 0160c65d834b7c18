#pragma once
// A chooser that runs what a predictor of its layer names from what an earlier one showed.

#include <memory>
#include <optional>
#include <utility>

#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor.h"

namespace assay {

/// As many as `count`, or those whose logit reaches `edge`.
struct Selected {
  std::int64_t count = 0;
  std::optional<double> edge;
};

class Predicted final : public Chooser {
 public:
  Predicted(std::unique_ptr<Predictor> predictor, const StreamPlace& from, const Selected& selected,
            std::shared_ptr<const char> owner)
      : predictor_(std::move(predictor)),
        from_(from),
        selected_(selected),
        owner_(std::move(owner)) {}
  [[nodiscard]] at::Tensor choose(const ChoiceInput& input, const StepContext& step) const override;
  void visit_tensors(const VisitTensor& visit) override { predictor_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return predictor_->cost(); }
  [[nodiscard]] std::unique_ptr<Chooser> share() const override;

 private:
  std::unique_ptr<Predictor> predictor_;
  StreamPlace from_;
  Selected selected_;
  std::shared_ptr<const char> owner_;
};

}  // namespace assay
