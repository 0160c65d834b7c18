#pragma once
// The output of a multiplexed encoder: each group's first row (or as many as the demultiplexer
// reads) is told apart into its instances, and each of them is classified, where there is a
// classifier.

#include <memory>
#include <optional>

#include "harness/model/dense_linear.h"
#include "harness/model/seams.h"
#include "harness/mux/demultiplexer.h"

namespace assay::mux {

class MuxClassifier final : public Output {
 public:
  /// `ensemble`: as the input's form says; scores of a sequence are the mean of those of its
  /// copies.
  MuxClassifier(std::unique_ptr<Demultiplexer> demultiplexer, std::optional<DenseLinear> classifier,
                bool ensemble = false)
      : demultiplexer_(std::move(demultiplexer)),
        classifier_(std::move(classifier)),
        ensemble_(ensemble) {}
  [[nodiscard]] Reads reads() const override { return Reads::kSequences; }
  /// rows [groups * rows read, width] -> [groups * N, classes], or width without a classifier; in
  /// an ensemble [groups, ...], a group for each sequence
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t outputs() const override {
    return classifier_ ? classifier_->out_features() : demultiplexer_->width();
  }
  void select_width(const at::Tensor& dimensions) override {
    demultiplexer_->select_width(dimensions);
  }
  void scale_width(const at::Tensor& factors) override { demultiplexer_->scale_width(factors); }
  /// Before the classifier, and in the demultiplexer.
  void drop(double share) override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Output> share() const override;
  [[nodiscard]] const Demultiplexer& demultiplexer() const { return *demultiplexer_; }

 private:
  std::unique_ptr<Demultiplexer> demultiplexer_;
  std::optional<DenseLinear> classifier_;
  bool ensemble_ = false;
  double dropout_ = 0;
};

}  // namespace assay::mux
