#pragma once
// A reversible way to mix the parts of several sequences (RevMUX: Xu et al. 2024,
// arXiv:2410.04519), in the form of its released code.

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "harness/model/block.h"
#include "harness/model/dense_linear.h"

namespace assay::mux {

/// f(x) = drop(relu(W2 drop(relu(W1 x + b1)) + b2)).
struct CouplingNet {
  DenseLinear widen;   ///< part -> width
  DenseLinear narrow;  ///< width -> part
};

/// Instances x_0 .. x_(N-1), each of a part of the width:
///
///   y_0 = x_(N-1) + f_0(x_(N-2)),   y_j = x_(N-1-j) + f_j(y_(j-1))
///
/// side by side are a row, which unmix() takes apart again: the last instance to come in is the
/// first to go out, x_(N-1-j) = y_j - f_j(y_(j-1)), and x_(N-1) = y_0 - f_0(x_(N-2)). One instance
/// passes by. (Released: the columns of the parts alternate where the demultiplexer reads them side
/// by side, and of three instances and more it inverts another chain than the multiplexer ran. For
/// two, side by side, this is what both mean.)
class CouplingChain {
 public:
  /// N nets, or none for one instance. Throws std::logic_error for exactly one net.
  explicit CouplingChain(std::vector<CouplingNet> nets);
  [[nodiscard]] std::int64_t instances() const;
  /// N tensors [n, part] -> [n, N * part]. `dropout`: the share that nets drop; above 0 in passes
  /// that train only, where what comes back is not quite what went in.
  [[nodiscard]] at::Tensor mix(const std::vector<at::Tensor>& instances, double dropout = 0) const;
  /// [n, N * part] -> N tensors [n, part]
  [[nodiscard]] std::vector<at::Tensor> unmix(const at::Tensor& rows, double dropout = 0) const;
  /// "0.widen.weight", ..., "1.narrow.bias".
  void visit_tensors(const VisitTensor& visit);
  /// Work is of a mixed row: of each net once.
  [[nodiscard]] Cost cost() const;

 private:
  std::vector<CouplingNet> nets_;
};

/// As nn.Linear starts: uniform up to one over the root of what goes in, biases too.
DenseLinear start_uniform_linear(std::int64_t out, std::int64_t in, at::Generator generator);
/// Nets that widen to `width`; f32.
std::vector<CouplingNet> start_coupling_nets(std::int64_t instances, std::int64_t width,
                                             const at::Generator& generator);

/// A chain that the input and the output of one model compute with: the input lists its tensors,
/// the output does not. A model that is shared or cloned asks its input for a twin before its
/// output, which so finds the chain of the twin's input.
class SharedChain {
 public:
  explicit SharedChain(CouplingChain chain) : chain_(std::move(chain)) {}
  [[nodiscard]] CouplingChain& chain() { return chain_; }
  [[nodiscard]] const CouplingChain& chain() const { return chain_; }
  /// The chain of an input's twin.
  [[nodiscard]] std::shared_ptr<SharedChain> twin_for_input();
  /// The same one, for the output beside it. Throws std::logic_error where no input was shared
  /// before.
  [[nodiscard]] std::shared_ptr<SharedChain> twin_for_output() const;

 private:
  CouplingChain chain_;
  std::weak_ptr<SharedChain> twin_;
};

}  // namespace assay::mux
