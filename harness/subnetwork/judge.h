#pragma once
// How well a network does on held-out material.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "harness/subnetwork/material.h"

namespace assay::subnetwork {

/// What a search minimises.
enum class QualityMetric {
  kLoss,   ///< mean over rows of -log softmax(scores)[target], nats
  kError,  ///< share of the rows whose highest score is another one
  kKl,     ///< mean over rows of KL(full network || network), nats
};

/// Compares networks with each other and, for kKl, with the full one, whose rows it keeps.
class Judge {
 public:
  /// `full` (only used for kKl) must outlive it. `batch`: items a pass.
  Judge(std::unique_ptr<Material> material, const Model& full, QualityMetric metric,
        std::int64_t batch);
  /// Of the first `fidelity` of the items, at least one. NaN where the network gives NaN.
  [[nodiscard]] double operator()(const Model& network, double fidelity = 1) const;
  [[nodiscard]] const Material& material() const { return *material_; }

 private:
  /// Sum over the rows that count, and how many.
  struct Sum {
    double value = 0;
    std::int64_t rows = 0;
  };
  [[nodiscard]] Sum judge_batch(const Model& network, std::size_t batch,
                                std::span<const std::int64_t> items) const;
  [[nodiscard]] std::vector<std::vector<std::int64_t>> batches(std::int64_t items) const;

  std::unique_ptr<Material> material_;
  const Model& full_;
  QualityMetric metric_;
  std::int64_t batch_;
  std::vector<at::Tensor> full_rows_;  ///< of the full network, a batch each
};

}  // namespace assay::subnetwork
