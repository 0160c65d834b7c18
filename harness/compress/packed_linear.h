#pragma once
// A linear layer whose weights stay packed.

#include <map>
#include <memory>
#include <string>

#include "harness/model/kernels/packed.h"
#include "harness/model/seams.h"

namespace assay {

/// y = x W^T + b with W of 2 to 8 bits a weight, multiplied as it is stored.
class PackedLinear final : public Linear {
 public:
  /// bias [rows] in the model's dtype, or undefined
  PackedLinear(PackedMatrix weight, at::Tensor bias);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t in_features() const override { return weight_.cols; }
  [[nodiscard]] std::int64_t out_features() const override { return weight_.rows; }
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] std::unique_ptr<Linear> share() const override;
  [[nodiscard]] const PackedMatrix& weight() const { return weight_; }

 private:
  PackedMatrix weight_;
  at::Tensor bias_;
};

/// Puts a packed matrix into an artefact's tensors as "<name>.codes", "<name>.scales",
/// "<name>.zeros"; rows, cols, bits and group go to plan["packed"][name].
void store_packed(Json& plan, std::map<std::string, at::Tensor>& tensors, const std::string& name,
                  const PackedMatrix& matrix);
/// Reads it back. Throws UserError when it is missing or the tensors contradict the plan.
PackedMatrix load_packed(const Json& plan, const std::map<std::string, at::Tensor>& tensors,
                         const std::string& name);
/// The same matrix in the memory of `device`.
PackedMatrix on_device(PackedMatrix matrix, at::Device device);

}  // namespace assay
