#pragma once
// The demultiplexer of DataMUX whose keys the layers make themselves, out of a prefix (Murahari et
// al. 2022, arXiv:2202.09318, section 3.2: "index embeddings").

#include <utility>

#include "harness/mux/demultiplexer.h"
#include "harness/mux/prefix.h"

namespace assay::mux {

struct PrefixDemuxTensors {
  DenseLinear dense;  ///< 2 model's width -> width
  NormBlock norm;
};

/// y = norm(gelu(W [p_i; h])): p_i is the row of the group's prefix that holds the mark of instance
/// i. A group is classified at the last row of its prefix.
class PrefixDemultiplexer final : public Demultiplexer {
 public:
  PrefixDemultiplexer(std::int64_t instances, PrefixDemuxTensors tensors)
      : instances_(instances), tensors_(std::move(tensors)) {}
  [[nodiscard]] std::int64_t instances() const override { return instances_; }
  [[nodiscard]] std::int64_t width() const override { return tensors_.dense.out_features(); }
  [[nodiscard]] std::int64_t rows_read() const override { return prefix_length(instances_); }
  [[nodiscard]] at::Tensor split(const at::Tensor& rows) const override;
  /// [n, 2 width]: p_i of the group that a row is of, beside the row.
  [[nodiscard]] at::Tensor read_at(const at::Tensor& rows, std::int64_t length,
                                   const at::Tensor& places,
                                   const at::Tensor& which) const override;
  /// rows [n, 2 width], which have the key of the instance within them.
  [[nodiscard]] at::Tensor one_of(const at::Tensor& rows, const at::Tensor& which) const override;
  /// one_of(): it has a norm of its own.
  [[nodiscard]] at::Tensor retrieved(const at::Tensor& rows, const at::Tensor& which,
                                     const std::vector<NormBlock>& norms) const override;
  [[nodiscard]] Cost cost() const override;
  void visit_tensors(const VisitTensor& visit) override;
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor&) override {}  // its keys are rows
  /// Nothing, as released.
  void drop(double /*share*/) override {}
  [[nodiscard]] std::unique_ptr<Demultiplexer> share() const override;

 private:
  /// key and row, side by side [n, 2 width] -> [n, width]
  [[nodiscard]] at::Tensor told_apart(const at::Tensor& features) const;
  std::int64_t instances_;
  PrefixDemuxTensors tensors_;
};

/// As a training starts: a matrix normal with deviation `deviation`, no bias, a norm that changes
/// nothing.
PrefixDemuxTensors start_prefix_demux(std::int64_t width, double deviation, double norm_eps,
                                      at::Generator generator);

}  // namespace assay::mux
