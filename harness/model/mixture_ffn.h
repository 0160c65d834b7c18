#pragma once
// A mixture of experts: feed-forward blocks of which every row takes some.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/seams.h"
#include "harness/model/standard_ffn.h"

namespace assay {

/// How a router makes shares of its scores.
struct RouterForm {
  std::int64_t experts_per_token = 1;
  bool normed = false;   ///< the shares of a row's experts add up to 1
  bool rounded = false;  ///< they are rounded to the dtype of the rows
};

/// sum over the k experts e with the largest p_e of s_e expert_e(x), where p = softmax(router(x))
/// in f32 over all experts, and s is p, or p over the sum of those that were taken. Outputs are
/// added up in f32, in the order of the experts, and rounded once. An expert runs once, on all rows
/// that take it, however many there are. In a pass that is recorded it also runs on no rows, so
/// that a recorder hears of every expert.
class MixtureFfn final : public Ffn {
 public:
  /// router [experts, width]
  MixtureFfn(const RouterForm& form, DenseLinear router,
             std::vector<std::unique_ptr<StandardFfn>> experts);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  /// The router; gate, up and down are those of the experts.
  [[nodiscard]] Linear* linear(Slot slot) const override;
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Ffn* expert(std::int64_t number) const override;
  [[nodiscard]] std::int64_t experts() const override { return std::ssize(experts_); }
  void visit_tensors(const VisitTensor& visit) override;
  /// A token touches the router and as many experts as it takes, at the mean cost of an expert:
  /// they are alike, unless a method changed some of them only.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;
  void fuse() override;

 private:
  MixtureFfn() = default;
  struct Taken {
    at::Tensor mask;    ///< bool [rows, experts]
    at::Tensor shares;  ///< [rows, experts], 0 of those that a row does not take
  };
  [[nodiscard]] Taken taken(const at::Tensor& rows, const StepContext& step) const;

  RouterForm form_;
  std::unique_ptr<Linear> router_;
  std::vector<std::unique_ptr<Ffn>> experts_;
};

}  // namespace assay
