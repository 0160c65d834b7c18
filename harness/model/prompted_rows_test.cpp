#include "harness/model/prompted_rows.h"

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

using Rows = std::vector<std::int64_t>;

Rows list(const at::Tensor& tensor) {
  const auto* values = tensor.const_data_ptr<std::int64_t>();
  return {values, values + tensor.numel()};
}

class PromptedRowsTest : public ::testing::Test {
 protected:
  PromptedRowsTest() { step_.state = &state_; }
  void flag(const std::vector<std::int64_t>& prompt) {
    step_.prompt = at::tensor(prompt, at::kLong).to(at::kBool);
  }
  PassState state_;
  StepContext step_;
  std::vector<Segment> segments_;
};

TEST_F(PromptedRowsTest, EachSequenceOfABatchHasItsOwn) {
  step_.batch = 2;
  step_.tokens = 4;
  flag({1, 1, 0, 0, 1, 1, 0, 0});
  const auto& found = prompted_rows(step_);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(list(found[0].prompt), (Rows{0, 1}));
  EXPECT_EQ(list(found[0].following), (Rows{2, 3}));
  EXPECT_EQ(list(found[1].prompt), (Rows{4, 5}));
  EXPECT_EQ(list(found[1].following), (Rows{6, 7}));
}

TEST_F(PromptedRowsTest, BranchesOfATreeSeeTheirOwnPath) {
  // 0 - 1 - 3: prompt 0 1, answer 3; 0 - 2 - 4 - 5: prompt 0 2, answer 4 5; row 6 is prompt alone.
  segments_.push_back({0, 7,
                       at::tensor({1, 0, 0, 0, 0, 0, 0,  //
                                   1, 1, 0, 0, 0, 0, 0,  //
                                   1, 0, 1, 0, 0, 0, 0,  //
                                   1, 1, 0, 1, 0, 0, 0,  //
                                   1, 0, 1, 0, 1, 0, 0,  //
                                   1, 0, 1, 0, 1, 1, 0,  //
                                   1, 0, 0, 0, 0, 0, 1},
                                  at::kLong)
                           .to(at::kBool)
                           .view({7, 7})});
  segments_.push_back({7, 2, {}});
  step_.tokens = 9;
  step_.visibility.segments = &segments_;
  flag({1, 1, 1, 0, 0, 0, 1, 1, 0});
  const auto& found = prompted_rows(step_);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(list(found[0].prompt), (Rows{0, 1}));
  EXPECT_EQ(list(found[0].following), (Rows{3}));
  EXPECT_EQ(list(found[1].prompt), (Rows{0, 2}));
  EXPECT_EQ(list(found[1].following), (Rows{4, 5}));
  EXPECT_EQ(list(found[2].prompt), (Rows{7}));
  EXPECT_EQ(list(found[2].following), (Rows{8}));
}

TEST_F(PromptedRowsTest, APromptAloneIsFollowedByNothing) {
  step_.tokens = 3;
  flag({1, 1, 1});
  EXPECT_TRUE(prompted_rows(step_).empty());
}

TEST_F(PromptedRowsTest, APassThatDoesNotSayIsRefused) {
  step_.tokens = 3;
  EXPECT_THROW((void)prompted_rows(step_), DoesNotApply);
  EXPECT_THROW((void)prompted_rows(StepContext{}), DoesNotApply) << "a block that is run alone";
  flag({0, 0, 1});
  EXPECT_THROW((void)prompted_rows(step_), DoesNotApply);
}

}  // namespace
}  // namespace assay
