#include "harness/mux/coupling_chain.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace assay::mux {
namespace {

/// Without a layer between, and in double precision: whatever the nets do.
TEST(CouplingChain, GivesBackWhatWentIn) {
  const c10::InferenceMode inference;
  for (const std::int64_t n : {1, 2, 3, 4, 6}) {
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
    std::vector<CouplingNet> nets = start_coupling_nets(n, 12 * n, generator);
    for (CouplingNet& net : nets) {
      const auto wider = [](const std::string&, at::Tensor& tensor) {
        tensor = tensor.to(at::kDouble) * 3;
      };
      net.widen.visit_tensors(wider);
      net.narrow.visit_tensors(wider);
    }
    const CouplingChain chain(nets);
    std::vector<at::Tensor> x;
    for (std::int64_t i = 0; i < n; ++i) {
      x.push_back(at::empty({5, 12}, at::kDouble).normal_(0, 1, generator));
    }
    const at::Tensor mixed = chain.mix(x);
    ASSERT_EQ(mixed.sizes(), (at::IntArrayRef{5, 12 * n}));
    const std::vector<at::Tensor> back = chain.unmix(mixed);
    double moved = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_TRUE(back[i].allclose(x[i], 1e-12, 1e-12)) << n << ' ' << i;
      const auto place = static_cast<std::int64_t>(x.size() - 1 - i) * 12;
      moved = std::max(moved, (mixed.narrow(1, place, 12) - x[i]).abs().max().item<double>());
    }
    EXPECT_EQ(moved > 0.1, n > 1) << n;
  }
}

/// For two instances, the released code's own words: y1 = x1 + f0(x0), y2 = x0 + f1(y1).
TEST(CouplingChain, OfTwoIsTheReleasedOne) {
  const c10::InferenceMode inference;
  const auto linear = [](double weight, double bias) {
    return DenseLinear(at::full({1, 1}, weight, at::kFloat), at::full({1}, bias, at::kFloat));
  };
  // f0(x) = relu(2 relu(x)), f1(x) = relu(relu(x - 1) + 3)
  const CouplingChain chain({{linear(1, 0), linear(2, 0)}, {linear(1, -1), linear(1, 3)}});
  const at::Tensor x0 = at::tensor({2.F, -1.F}).view({2, 1});
  const at::Tensor x1 = at::tensor({5.F, -4.F}).view({2, 1});
  EXPECT_TRUE(chain.mix({x0, x1}).equal(at::tensor({9.F, 13.F, -4.F, 2.F}).view({2, 2})));
}

TEST(CouplingChain, OneNetIsNoChain) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  EXPECT_THROW(CouplingChain({start_coupling_nets(2, 8, generator).front()}), std::logic_error);
}

}  // namespace
}  // namespace assay::mux
