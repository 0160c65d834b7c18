// The packed block against the dense one that holds the same weights, and its way through
// artefacts.
#include "harness/compress/packed_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/compress/quantize.h"

namespace assay {
namespace {

constexpr std::int64_t kOut = 24, kIn = 100;

class Packed : public ::testing::TestWithParam<int> {
 protected:
  QuantizeOptions options_{GetParam(), 32};
  at::Tensor bias_ = at::randn({kOut});
  Quantized quantized_ = quantize_rtn(at::randn({kOut, kIn}), options_);
  c10::InferenceMode inference_;
};

TEST_P(Packed, MultipliesTheDequantisedWeights) {
  const PackedLinear block(pack(quantized_), bias_);
  for (const std::int64_t rows : {1, 5, 70}) {
    const at::Tensor x = at::randn({rows, kIn});
    const at::Tensor expected = x.matmul(dequantise(quantized_).t()) + bias_;
    // Few rows are multiplied in 16-bit fixed point.
    const double tolerance = 1e-4 * expected.abs().max().item<double>();
    EXPECT_LT((block.forward(x) - expected).abs().max().item<double>(), tolerance) << rows;
  }
}

TEST_P(Packed, HasADenseFormOfTheSameWeights) {
  const DenseForm form = PackedLinear(pack(quantized_), bias_).dense_form();
  EXPECT_TRUE(at::equal(form.tensors.at("weight"), dequantise(quantized_)));
  EXPECT_TRUE(at::equal(form.tensors.at("bias"), bias_));
  EXPECT_EQ(form.impossible, "");
  EXPECT_EQ(*form.remarks.begin(),
            std::to_string(GetParam()) + "-bit weights in groups of 32 columns, dequantised");
}

TEST_P(Packed, CountsWhatItHolds) {
  const PackedLinear block(pack(quantized_), bias_);
  const std::int64_t bytes = packed_bytes(kOut, kIn, options_);
  const PackedMatrix& held = block.weight();
  EXPECT_EQ(bytes, static_cast<std::int64_t>(held.codes.nbytes() + held.scales.nbytes() +
                                             held.zeros.nbytes()));
  const Cost cost = block.cost();
  EXPECT_EQ(cost.params, kOut * kIn + kOut);
  EXPECT_EQ(cost.nonzero, dequantise(quantized_).count_nonzero().item<std::int64_t>() + kOut);
  EXPECT_EQ(cost.resident_bytes, bytes + 4 * kOut);
  EXPECT_EQ(cost.touched_bytes, bytes + 4 * kOut);
  EXPECT_EQ(cost.host_bytes, 0);
  EXPECT_EQ(cost.flops_per_token, 2 * kOut * kIn + kOut);
}

TEST_P(Packed, SurvivesAnArtefact) {
  Json plan = Json::object();
  std::map<std::string, at::Tensor> tensors;
  store_packed(plan, tensors, "layer.0.up", pack(quantized_));
  const PackedMatrix loaded = load_packed(Json::parse(plan.dump()), tensors, "layer.0.up");
  EXPECT_TRUE(at::equal(unpack_codes(loaded), quantized_.codes));
  EXPECT_TRUE(at::equal(dequantise(loaded, at::kFloat), dequantise(quantized_)));
}

TEST_P(Packed, CopiesAreDeep) {
  const PackedLinear block(pack(quantized_), bias_);
  const std::unique_ptr<Linear> copy = clone_block<Linear>(block);
  const at::Tensor x = at::randn({3, kIn});
  const at::Tensor before = block.forward(x);
  block.weight().scales.zero_();
  EXPECT_TRUE(at::equal(copy->forward(x), before));
}

INSTANTIATE_TEST_SUITE_P(Bits, Packed, ::testing::Values(2, 3, 4, 8));

class DamagedArtefact : public ::testing::Test {
 protected:
  DamagedArtefact() {
    store_packed(plan_, tensors_, "m", pack(quantize_rtn(at::randn({kOut, kIn}), {4, 32})));
  }
  void expect_refused() const { EXPECT_THROW(load_packed(plan_, tensors_, "m"), UserError); }
  Json plan_ = Json::object();
  std::map<std::string, at::Tensor> tensors_;
};

TEST_F(DamagedArtefact, AMissingTensorIsNamed) {
  tensors_.erase("m.scales");
  expect_refused();
}

TEST_F(DamagedArtefact, APlanOfOtherSizesIsRefused) {
  plan_["packed"]["m"]["cols"] = kIn + 64;
  expect_refused();
}

TEST_F(DamagedArtefact, APlanWithoutTheMatrixIsRefused) {
  plan_.erase("packed");
  expect_refused();
}

TEST_F(DamagedArtefact, AnImpossibleWidthIsRefused) {
  plan_["packed"]["m"]["bits"] = 5;
  expect_refused();
}

}  // namespace
}  // namespace assay
