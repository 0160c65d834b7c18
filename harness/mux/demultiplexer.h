#pragma once
// How what was mixed is told apart again, after the last layer.

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/model/block.h"
#include "harness/model/dense_linear.h"
#include "harness/model/norm.h"

namespace assay::mux {

class Demultiplexer {
 public:
  virtual ~Demultiplexer() = default;
  [[nodiscard]] virtual std::int64_t instances() const = 0;
  /// Of what it gives.
  [[nodiscard]] virtual std::int64_t width() const = 0;
  /// How many rows of each group split() reads, from the first on.
  [[nodiscard]] virtual std::int64_t rows_read() const { return 1; }
  /// rows [n * rows_read(), model's width] of mixed positions -> [n * N, width]: the instances of a
  /// group one after the other.
  [[nodiscard]] virtual at::Tensor split(const at::Tensor& rows) const = 0;
  /// What one_of() and retrieved() get to tell instance which[i] apart at row places[i] of a pass:
  /// rows [groups * length, model's width], places and which int64 [n] -> [n, model's width], or
  /// more columns where other rows have a say.
  [[nodiscard]] virtual at::Tensor read_at(const at::Tensor& rows, std::int64_t /*length*/,
                                           const at::Tensor& places,
                                           const at::Tensor& /*which*/) const {
    return rows.index_select(0, places);
  }
  /// Of one row of one instance each: rows as read_at() gives them, which int64 [n] -> [n, width].
  [[nodiscard]] virtual at::Tensor one_of(const at::Tensor& rows,
                                          const at::Tensor& which) const = 0;
  /// The features by which a retrieval head knows a token, as one_of(); `norms` stand behind
  /// linears that have none of their own, one each but the last.
  [[nodiscard]] virtual at::Tensor retrieved(const at::Tensor& rows, const at::Tensor& which,
                                             const std::vector<NormBlock>& norms) const = 0;
  [[nodiscard]] virtual Cost cost() const = 0;
  virtual void visit_tensors(const VisitTensor& visit) = 0;
  /// As Output has them: fewer dimensions of the rows, and of what stands beside them.
  virtual void select_width(const at::Tensor& dimensions) = 0;
  virtual void scale_width(const at::Tensor& factors) = 0;
  /// Drops this share of what its layers give while it trains; 0 ends it.
  virtual void drop(double share) = 0;
  [[nodiscard]] virtual std::unique_ptr<Demultiplexer> share() const = 0;
};

/// What an index demultiplexer is made of.
struct IndexDemuxTensors {
  at::Tensor keys;  ///< [N, model's width], one private to each instance
  /// The first from keys and rows to width, others width -> width; the last one stands before the
  /// norm.
  std::vector<DenseLinear> dense;
  NormBlock norm;
};

/// f = [key_i; h], a = gelu(W1 f), a += gelu(Wj a) for the linears between, y = norm(gelu(Wp a)) +
/// a: the released token-level demultiplexer ("RSA"), which has no norm between its linears.
class IndexDemultiplexer final : public Demultiplexer {
 public:
  explicit IndexDemultiplexer(IndexDemuxTensors tensors) : tensors_(std::move(tensors)) {}
  [[nodiscard]] std::int64_t instances() const override { return tensors_.keys.size(0); }
  [[nodiscard]] std::int64_t width() const override { return tensors_.dense.back().out_features(); }
  [[nodiscard]] at::Tensor split(const at::Tensor& rows) const override;
  [[nodiscard]] at::Tensor one_of(const at::Tensor& rows, const at::Tensor& which) const override;
  /// a = norm_j(gelu(W_j a)) for each linear, the last one with its own norm; no residuals.
  [[nodiscard]] at::Tensor retrieved(const at::Tensor& rows, const at::Tensor& which,
                                     const std::vector<NormBlock>& norms) const override;
  [[nodiscard]] Cost cost() const override;
  void visit_tensors(const VisitTensor& visit) override;
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor& factors) override;
  void drop(double share) override { dropout_ = share; }
  [[nodiscard]] std::unique_ptr<Demultiplexer> share() const override;

 private:
  /// key and row, side by side -> [n, width]
  [[nodiscard]] at::Tensor told_apart(const at::Tensor& features) const;
  IndexDemuxTensors tensors_;
  double dropout_ = 0;
};

/// As a training starts: keys normal, matrices normal with deviation `deviation`, no biases, a norm
/// that changes nothing. `linears` >= 2, the last one included.
IndexDemuxTensors start_index_demux(std::int64_t instances, std::int64_t width,
                                    std::int64_t linears, double deviation, double norm_eps,
                                    at::Generator generator);

}  // namespace assay::mux
