#pragma once
// AdamW (Loshchilov and Hutter 2019), as torch.optim.AdamW computes it, and the norm of gradients.

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

namespace assay {

/// What a training changes: a leaf in f32, contiguous, that asks for its gradient.
struct TrainedTensor {
  std::string name;  ///< for messages; of its own
  at::Tensor tensor;
  double weight_decay = 0;
  double rate_factor = 1;  ///< its learning rate as a multiple of the others'
};

struct AdamWSettings {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// With g the gradient, t the number of steps that the tensor had a gradient in, r the rate:
///   w -= r decay w
///   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
///   w -= r (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// Bit for bit torch.optim.AdamW(fused=True), whose product of these lines is one pass over memory.
class AdamW {
 public:
  /// Throws std::logic_error for a tensor that cannot be trained.
  AdamW(std::vector<TrainedTensor> tensors, const AdamWSettings& settings);
  /// Tensors without a gradient stay as they are, and so do their moments.
  void step(double rate);
  void clear_gradients();
  [[nodiscard]] const std::vector<TrainedTensor>& tensors() const { return tensors_; }

  /// What step() remembers of each tensor, in their order. Write into them to go on from there.
  struct Moments {
    at::Tensor first, second;  ///< as the tensor
    at::Tensor steps;          ///< f32 []
  };
  [[nodiscard]] const std::vector<Moments>& moments() const { return moments_; }

 private:
  std::vector<TrainedTensor> tensors_;
  std::vector<Moments> moments_;
  AdamWSettings settings_;
};

/// Euclidean norm of all gradients together; 0 when there are none. NaN or infinite when one is.
double gradient_norm(std::span<const TrainedTensor> tensors);

/// Multiplies all gradients with min(1, largest / (norm + 1e-6)), `norm` being theirs:
/// torch.nn.utils.clip_grad_norm_.
void clip_gradients(std::span<const TrainedTensor> tensors, double norm, double largest);

}  // namespace assay
