#pragma once
// The demultiplexer of DataMUX with a network private to each instance (Murahari et al. 2022,
// section 3.2).

#include "harness/mux/demultiplexer.h"

namespace assay::mux {

struct MlpDemuxTensors {
  at::Tensor weights;     ///< [N, width, model's width], a matrix (out, in) for each instance
  at::Tensor biases;      ///< [N, width]
  at::Tensor norm_scale;  ///< [N, width]
  at::Tensor norm_shift;  ///< [N, width]
  DenseLinear shared;     ///< width -> width
  NormBlock norm;         ///< behind it; its epsilon is that of the others, too
};

/// a = norm_i(gelu(W_i h)), y = norm(gelu(W a)): what is private to an instance stands in front of
/// what all of them share.
class MlpDemultiplexer final : public Demultiplexer {
 public:
  explicit MlpDemultiplexer(MlpDemuxTensors tensors) : tensors_(std::move(tensors)) {}
  [[nodiscard]] std::int64_t instances() const override { return tensors_.weights.size(0); }
  [[nodiscard]] std::int64_t width() const override { return tensors_.weights.size(1); }
  [[nodiscard]] at::Tensor split(const at::Tensor& rows) const override;
  [[nodiscard]] at::Tensor one_of(const at::Tensor& rows, const at::Tensor& which) const override;
  /// one_of(): its linears have norms of their own.
  [[nodiscard]] at::Tensor retrieved(const at::Tensor& rows, const at::Tensor& which,
                                     const std::vector<NormBlock>& norms) const override;
  [[nodiscard]] Cost cost() const override;
  void visit_tensors(const VisitTensor& visit) override;
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor&) override {}  // it has nothing beside the rows
  void drop(double share) override { dropout_ = share; }
  [[nodiscard]] std::unique_ptr<Demultiplexer> share() const override;

 private:
  MlpDemuxTensors tensors_;
  double dropout_ = 0;
};

/// As a training starts: matrices normal with deviation `deviation`, no biases, norms that change
/// nothing.
MlpDemuxTensors start_mlp_demux(std::int64_t instances, std::int64_t width, double deviation,
                                double norm_eps, at::Generator generator);

}  // namespace assay::mux
