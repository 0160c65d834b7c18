// The kernels for CUDA against those for the CPU; skipped where there is no CUDA device.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <optional>

#include "harness/base/errors.h"
#include "harness/model/kernels/device_kernels.h"
#include "harness/model/model.h"

namespace assay {
namespace {

class CudaKernels : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    try {
      device_ = open_device("cuda");
    } catch (const MachineError& error) {
      GTEST_SKIP() << error.what();
    }
    if (!has_device_kernels(*device_)) GTEST_SKIP() << "built without nvcc";
    at::manual_seed(13);
  }
  [[nodiscard]] at::Tensor there(const at::Tensor& tensor) const { return tensor.to(*device_); }
  [[nodiscard]] double tolerance() const { return GetParam() == at::kFloat ? 1e-3 : 5e-2; }

  c10::InferenceMode inference_;
  std::optional<at::Device> device_;
};

double difference(const at::Tensor& ours, const at::Tensor& theirs) {
  const at::Tensor expected = ours.to(at::kDouble);
  return (theirs.cpu().to(at::kDouble) - expected).abs().max().item<double>() /
         (1 + expected.abs().max().item<double>());
}

TEST_P(CudaKernels, PackedProductsAgree) {
  for (const std::int64_t bits : {2, 3, 4, 8}) {
    for (const std::int64_t cols : {33, 576, 1536}) {
      const std::int64_t levels = std::int64_t{1} << bits, groups = (cols + 127) / 128;
      const PackedMatrix here =
          pack_matrix(at::randint(levels, {77, cols}, at::kByte), at::rand({77, groups}),
                      at::randint(levels, {77, groups}, at::kByte), bits, 128);
      PackedMatrix matrix = here;
      matrix.codes = there(here.codes);
      matrix.scales = there(here.scales);
      matrix.zeros = there(here.zeros);
      for (const std::int64_t batch : {1, 3, 8, 20}) {
        const at::Tensor rows = at::randn({batch, cols}).to(GetParam());
        const at::Tensor bias = at::randn({77}).to(GetParam());
        EXPECT_LE(difference(packed_product(rows, here, bias),
                             packed_product(there(rows), matrix, there(bias))),
                  tolerance())
            << bits << " bits, " << batch << " x " << cols;
      }
    }
  }
}

TEST_P(CudaKernels, ChosenRowsAgree) {
  for (const double share : {0.0, 0.02, 0.5, 2.0}) {
    const std::int64_t neurons = 5000, width = 700;
    const at::Tensor z = at::rand({neurons}), low = at::full({neurons}, share);
    const at::Tensor high = at::full({neurons}, 2.0);
    const at::Tensor weight = at::randn({neurons, width}).to(GetParam());
    const at::Tensor x = at::randn({width}).to(GetParam()), coefficients = at::randn({neurons});
    const at::Tensor bias = at::randn({neurons}).to(GetParam());
    const Selection here = select_outside(z, low, high);
    const Selection selection = select_outside(there(z), there(low), there(high));
    const auto count = here.count.item<std::int32_t>();
    ASSERT_EQ(selection.count.item<std::int32_t>(), count);
    EXPECT_TRUE(
        selection.indices.cpu().narrow(0, 0, count).equal(here.indices.narrow(0, 0, count)));
    if (count > 0) {
      const at::Tensor ours = gathered_product(x, weight, bias, here);
      const at::Tensor theirs = gathered_product(there(x), there(weight), there(bias), selection);
      EXPECT_LE(difference(ours.narrow(0, 0, count), theirs.narrow(0, 0, count)), tolerance());
    }
    at::Tensor ours = at::randn({width});
    at::Tensor theirs = there(ours), again = there(ours);
    gathered_accumulate(coefficients, weight, here, ours);
    gathered_accumulate(there(coefficients), there(weight), selection, theirs);
    gathered_accumulate(there(coefficients), there(weight), selection, again);
    EXPECT_LE(difference(ours, theirs), tolerance());
    EXPECT_TRUE(theirs.equal(again)) << "the order does not change";
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace assay
