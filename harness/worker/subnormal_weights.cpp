#include "harness/worker/subnormal_weights.h"

#include <fmt/format.h>

#include "harness/model/kernels/subnormals.h"

namespace assay {

void SubnormalCount::add(const std::string& name, const at::Tensor& tensor) {
  const std::int64_t found = count_subnormals(tensor);
  weights_ += tensor.numel();
  subnormal_ += found;
  if (found <= most_) return;
  most_ = found;
  worst_ = name;
  worst_share_ = static_cast<double>(found) / static_cast<double>(tensor.numel());
}

void SubnormalCount::add(const Model& model) {
  for (const Parameter& parameter : model.parameters()) {
    const bool weight = parameter.id && !parameter.id->bias &&
                        slot_info(parameter.id->slot).kind != SlotKind::kNorm;
    if (weight) add(slot_path(parameter.id->layer, parameter.id->place()), parameter.tensor);
  }
}

void SubnormalCount::add(const Artefact& artefact) {
  for (const auto& [name, tensor] : artefact.tensors) {
    if (tensor.is_floating_point()) add(name, tensor);
  }
}

std::optional<std::string> SubnormalCount::remark(const std::string& what) const {
  if (weights_ == 0) return std::nullopt;
  const double share = static_cast<double>(subnormal_) / static_cast<double>(weights_);
  if (share <= kSubnormalTrace) return std::nullopt;
  return fmt::format(
      "{:.3g} % of {} are subnormal numbers (below 1.2e-38), most of them in {} ({:.3g} % of "
      "it); here they are computed as zero, in every arm; a program that does not flush them runs "
      "many "
      "times slower on this model",
      100 * share, what, worst_, 100 * worst_share_);
}

}  // namespace assay
