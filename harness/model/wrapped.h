#pragma once
// Blocks that stand around another block and hand on whatever they do not change.

#include <memory>
#include <utility>

#include "harness/model/seams.h"

namespace assay {

/// `Seam` is Attention or Ffn. A wrapper says what forward() does and how it is made around another
/// inner block; all else is the inner block's.
template <typename Seam>
class Wrapped : public Seam {
 public:
  [[nodiscard]] Linear* linear(Slot slot) const override { return inner_->linear(slot); }
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override {
    inner_->replace_linear(slot, std::move(block));
  }
  void visit_tensors(const VisitTensor& visit) override { inner_->visit_tensors(visit); }
  [[nodiscard]] Cost cost() const override { return inner_->cost(); }
  [[nodiscard]] std::unique_ptr<Seam> share() const override { return wrap(inner_->share()); }
  void fuse() override { inner_->fuse(); }
  /// The block inside; this one is of no use any more.
  [[nodiscard]] std::unique_ptr<Seam> take() { return std::move(inner_); }

 protected:
  explicit Wrapped(std::unique_ptr<Seam> inner) : inner_(std::move(inner)) {}
  [[nodiscard]] virtual std::unique_ptr<Seam> wrap(std::unique_ptr<Seam> inner) const = 0;
  [[nodiscard]] const Seam& inner() const { return *inner_; }

 private:
  std::unique_ptr<Seam> inner_;
};

class WrappedFfn : public Wrapped<Ffn> {
 public:
  [[nodiscard]] bool prefill_equals_decode() const override {
    return inner().prefill_equals_decode();
  }
  [[nodiscard]] Ffn* expert(std::int64_t number) const override { return inner().expert(number); }
  [[nodiscard]] std::int64_t experts() const override { return inner().experts(); }

 protected:
  using Wrapped<Ffn>::Wrapped;
};

using WrappedAttention = Wrapped<Attention>;

}  // namespace assay
