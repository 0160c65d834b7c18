#pragma once
// How many of a model's weights are subnormal numbers.

#include <cstdint>
#include <optional>
#include <string>

#include "harness/method/method.h"
#include "harness/model/model.h"

namespace assay {

/// More of the weights than this is worth a remark: by then a processor that computes with them
/// loses a percent of its time.
inline constexpr double kSubnormalTrace = 1e-5;

class SubnormalCount {
 public:
  void add(const std::string& name, const at::Tensor& tensor);
  void add(const Model& model);
  void add(const Artefact& artefact);
  /// Says what share of `what` it is and which tensor holds most; nothing for a trace.
  [[nodiscard]] std::optional<std::string> remark(const std::string& what) const;

 private:
  std::int64_t weights_ = 0, subnormal_ = 0, most_ = 0;
  std::string worst_;
  double worst_share_ = 0;
};

}  // namespace assay
