#include "harness/contextual/scaling.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace assay {
namespace {

at::Tensor rows_of(const std::vector<float>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns}).clone();
}

TEST(Scaling, EachRowByItself) {
  const at::Tensor rows = rows_of({2, 4, 3, -1, 0, 7}, 3);
  const at::Tensor expected = rows_of({0, 1, 0.5, 0, 0.125, 1}, 3);
  EXPECT_TRUE(at::equal(scaled_rows(rows), expected));
  EXPECT_TRUE(at::equal(scaled_rows(rows.to(at::kBFloat16)), expected));
}

TEST(Scaling, AConstantInputBecomesZero) {
  EXPECT_TRUE(at::equal(scaled_rows(rows_of({3, 3}, 2)), rows_of({0, 0}, 2)));
}

TEST(Scaling, OverLayersAndByLayerDiffer) {
  const at::Tensor scores = rows_of({0, 5, 8, 10}, 4);  // two layers of two
  EXPECT_TRUE(at::equal(scaled_over_layers(scores), rows_of({0, 0.5, 0.8F, 1}, 4)));
  EXPECT_TRUE(at::equal(scaled_by_layer(scores, {2, 2}), rows_of({0, 1, 0, 1}, 4)));
  EXPECT_TRUE(at::equal(scaled_by_layer(scores, {4}), scaled_over_layers(scores)));
}

TEST(Scaling, LayersMayDifferInWidthAndHaveNone) {
  const at::Tensor scores = rows_of({1, 3, 5, 2, 4}, 5);
  EXPECT_TRUE(at::equal(scaled_by_layer(scores, {2, 0, 3}), rows_of({0, 1, 1, 0, 2.0F / 3}, 5)));
}

TEST(Scaling, AConstantTargetIsNoNumber) {
  const at::Tensor scores = rows_of({0, 5, 8, 8}, 4);
  EXPECT_FALSE(scaled_over_layers(scores).isnan().any().item<bool>());
  const at::Tensor by_layer = scaled_by_layer(scores, {2, 2});
  EXPECT_TRUE(at::equal(by_layer.isnan(), rows_of({0, 0, 1, 1}, 4).to(at::kBool)));
}

TEST(Scaling, LayersOfDifferentSizesAreAMistake) {
  EXPECT_THROW(scaled_by_layer(rows_of({0, 1, 2}, 3), {2, 2}), std::logic_error);
}

}  // namespace
}  // namespace assay
