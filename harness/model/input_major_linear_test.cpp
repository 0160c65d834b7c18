#include "harness/model/input_major_linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

double apart(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

class InputMajor : public ::testing::Test {
 protected:
  at::Tensor weight_ = at::randn({7, 12}), bias_ = at::randn({7}), rows_ = at::randn({3, 12});
};

TEST_F(InputMajor, ComputesWhatTheDenseBlockDoes) {
  const at::NoGradGuard as_in_the_worker;
  for (const at::Tensor& bias : {bias_, at::Tensor()}) {
    const InputMajorLinear turned{DenseLinear(weight_, bias)};
    EXPECT_LT(apart(turned.forward(rows_), at::linear(rows_, weight_, bias)), 1e-5);
    EXPECT_EQ(turned.in_features(), 12);
    EXPECT_EQ(turned.out_features(), 7);
    EXPECT_TRUE(turned.weight().equal(weight_));
    EXPECT_TRUE(turned.weight().t().is_contiguous());
  }
}

TEST_F(InputMajor, SelectedInputsAreAllThatCounts) {
  const at::NoGradGuard as_in_the_worker;
  const InputMajorLinear turned{DenseLinear(weight_, bias_)};
  at::Tensor coefficients = at::zeros({12});
  coefficients[0] = 2.0F;
  coefficients[1] = -3.0F;
  Selection selection{at::zeros({12}, at::kInt), at::tensor({2}, at::kInt)};
  selection.indices[0] = 4;
  selection.indices[1] = 9;
  const at::Tensor expected =
      weight_.select(1, 4).mul(2.0F).add(weight_.select(1, 9).mul(-3.0F)).add(bias_);
  EXPECT_LT(apart(turned.forward_selected(coefficients, selection), expected), 1e-5);
}

TEST_F(InputMajor, AWeightThatAVisitorPutThereIsTurnedUnlessItTrains) {
  const at::Tensor other = at::randn({7, 12});
  for (const bool trains : {false, true}) {
    InputMajorLinear turned{DenseLinear(weight_, bias_)};
    const at::Tensor given = other.clone().set_requires_grad(trains);
    turned.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      if (name == "weight") tensor = given;
    });
    EXPECT_EQ(turned.weight().is_same(given), trains);
    EXPECT_EQ(turned.weight().t().is_contiguous(), !trains);
    EXPECT_LT(apart(turned.forward(rows_), at::linear(rows_, other, bias_)), 1e-5);
    EXPECT_EQ(turned.forward(rows_).requires_grad(), trains);
  }
}

TEST_F(InputMajor, DoesNotWriteIntoWhatItWasMadeOf) {
  const at::NoGradGuard as_in_the_worker;
  const at::Tensor before = weight_.clone();
  const InputMajorLinear turned{DenseLinear(weight_, bias_)};
  turned.weight().zero_();
  EXPECT_TRUE(weight_.equal(before));
}

}  // namespace
}  // namespace assay
