#include "harness/base/training_need.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(TrainingNeed, IsFoundByItsFormAndSurvivesJson) {
  const std::vector<TrainingNeed> needs = {
      {.data = kLabelledData,
       .requires_ = {{"causal", "==", false, "take an encoder"}},
       .changes = {"output"}},
      {.data = kTextData}};
  const std::vector<TrainingNeed> read = training_needs_from_json(to_json(needs));
  EXPECT_EQ(to_json(read), to_json(needs));
  EXPECT_EQ(find_training(read, kLabelledData)->requires_.at(0).advice, "take an encoder");
  EXPECT_EQ(find_training(read, kLabelledData)->changes, std::vector<std::string>{"output"});
  EXPECT_TRUE(find_training(read, kTextData)->changes.empty());
  EXPECT_EQ(find_training(read, "items"), nullptr);
  EXPECT_EQ(find_training({}, kTextData), nullptr);
  EXPECT_EQ(training_forms(read), "labelled or text");
  EXPECT_EQ(training_forms({}), "");
}

}  // namespace
}  // namespace assay
