#include "harness/contextual/predictor_labels.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace assay {
namespace {

at::Tensor bools(const std::vector<int>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns}).to(at::kBool);
}
at::Tensor rows_of(const std::vector<float>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns}).clone();
}

TEST(PredictorLabels, OutputOIsBitOOfAByte) {
  const at::Tensor labels = bools({1, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 10);
  const at::Tensor expected = at::tensor({129, 2}, at::kByte).view({1, 2});
  EXPECT_TRUE(at::equal(pack_labels(labels), expected));
}

TEST(PredictorLabels, PackedOnesAreThePlainOnes) {
  for (const std::int64_t outputs : {1, 7, 8, 13, 64}) {
    const at::Tensor labels = at::randint(0, 2, {9, outputs}).to(at::kBool);
    const BinaryLabels plain = BinaryLabels::plain(labels);
    const BinaryLabels packed = BinaryLabels::packed(pack_labels(labels), outputs);
    const at::Tensor which = at::tensor({8, 0, 3}, at::kLong);
    EXPECT_EQ(packed.rows(), 9);
    EXPECT_EQ(packed.outputs(), outputs);
    EXPECT_TRUE(at::equal(plain.of_rows(which), labels.index_select(0, which)));
    EXPECT_TRUE(at::equal(packed.of_rows(which), labels.index_select(0, which))) << outputs;
    EXPECT_TRUE(at::equal(BinaryLabels::plain(labels.to(at::kByte)).of_rows(which),
                          labels.index_select(0, which)));
  }
}

TEST(PredictorLabels, OtherTensorsAreNone) {
  EXPECT_THROW(BinaryLabels::plain(rows_of({0, 1}, 2)), std::logic_error);
  EXPECT_THROW(BinaryLabels::plain(at::tensor({0, 2}, at::kByte).view({1, 2})), std::logic_error);
  EXPECT_THROW(BinaryLabels::packed(at::tensor({0, 2}, at::kByte).view({1, 2}), 8),
               std::logic_error);
  EXPECT_THROW(BinaryLabels::packed(rows_of({0, 1}, 1), 8), std::logic_error);
}

TEST(PredictorLabels, ActiveIsAboveZero) {
  EXPECT_TRUE(at::equal(active_labels(rows_of({0, 0.5, -1, 2}, 4)), bools({0, 1, 0, 1}, 4)));
}

TEST(PredictorLabels, TheLargestAreNeverZeros) {
  const at::Tensor values = rows_of({0, 3, 0, 1, 5, 4, 2, 1}, 4);
  EXPECT_TRUE(at::equal(largest_labels(values, 2), bools({0, 1, 0, 1, 1, 1, 0, 0}, 4)));
  EXPECT_TRUE(at::equal(largest_labels(values, 3), bools({0, 1, 0, 1, 1, 1, 1, 0}, 4)));
  EXPECT_FALSE(largest_labels(values, 0).any().item<bool>());
}

TEST(PredictorLabels, NormsOfHeads) {
  const at::Tensor contexts = rows_of({3, 4, 0, 0, 5, 12}, 6);
  EXPECT_TRUE(at::equal(head_norms(contexts, 3), rows_of({5, 0, 13}, 3)));
  EXPECT_TRUE(at::equal(head_norms(contexts.to(at::kBFloat16), 3), rows_of({5, 0, 13}, 3)));
}

}  // namespace
}  // namespace assay
