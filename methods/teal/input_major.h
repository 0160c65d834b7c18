#pragma once
// Matrices that read the same rows, stored so that what one input takes part in is contiguous.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/model/dense_linear.h"
#include "harness/model/kernels/gathered.h"

namespace assay::teal {

/// One or more dense linears of one input width, side by side in one tensor [in, out]. They stay
/// what they were to everybody else: linear() gives dense blocks whose weights [out, in] are views
/// of it, so that nothing is stored twice and a change in place is seen by every product. All of
/// them have biases or none has.
class InputMajor {
 public:
  struct Part {
    Slot slot;
    std::unique_ptr<DenseLinear> linear;
  };
  /// At least one part. Memory of its own is made for all of them.
  explicit InputMajor(std::vector<Part> parts);
  /// Computes with the same tensors.
  InputMajor(const InputMajor& other);
  InputMajor(InputMajor&& other) = default;
  InputMajor& operator=(const InputMajor&) = delete;
  InputMajor& operator=(InputMajor&&) = delete;
  ~InputMajor() = default;

  /// rows [n, in] -> [n, out]: every entry takes part.
  [[nodiscard]] at::Tensor product(const at::Tensor& rows) const;
  /// values f32 [in], of which the first belong to the selected inputs in their order -> f32 [out],
  /// with the bias. Reads the weights of those inputs only. fp32 sums in the order of the inputs.
  [[nodiscard]] at::Tensor gathered(const at::Tensor& values, const Selection& selection) const;

  [[nodiscard]] std::int64_t inputs() const { return weight_.size(0); }
  [[nodiscard]] std::int64_t outputs() const { return weight_.size(1); }
  [[nodiscard]] at::ScalarType dtype() const { return weight_.scalar_type(); }
  /// Of the weights that one input takes part in, over all parts.
  [[nodiscard]] std::int64_t bytes_of_an_input() const;
  [[nodiscard]] std::int64_t flops_of_an_input() const { return 2 * outputs(); }
  /// Some of the matrices are being trained: then each stands by itself, and nothing is gathered.
  [[nodiscard]] bool is_trained() const;

  /// Null when no part has this slot.
  [[nodiscard]] Linear* linear(Slot slot) const;
  /// Of the same shape. Throws DoesNotApply unless it is a dense one.
  void replace(Slot slot, std::unique_ptr<Linear> block);
  /// Under the names of the slots: "q.weight".
  void visit_tensors(const VisitTensor& visit);
  /// All is resident; what any token reads and computes is the bias.
  [[nodiscard]] Cost cost() const;

 private:
  /// Side by side in memory, as they are now or in a new one.
  void lay_out();
  void give_biases_to_all();

  std::vector<Part> parts_;
  at::Tensor weight_;  ///< [in, out]
  at::Tensor bias_;    ///< [out] or undefined
};

}  // namespace assay::teal
