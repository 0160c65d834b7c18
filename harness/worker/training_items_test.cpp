#include "harness/worker/training_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "harness/base/errors.h"
#include "harness/data/labelled_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class TrainingItems : public testing::Test {
 protected:
  TrainingItems() {
    items_.label_names = {"a", "b"};
    for (std::int32_t i = 0; i < 6; ++i) add_item(items_, {i}, i % 2);
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_labelled(folder_, items_);
  }
  fs::path folder_ = fs::path(testing::TempDir()) / "training_items_test";
  LabelledItems items_;
};

TEST_F(TrainingItems, AreTheFirstOfAnOrderAsPythonShuffles) {
  // random.Random(7).shuffle(list(range(6)))
  EXPECT_THAT(training_items({folder_, 4, 7}).tokens, ElementsAre(4, 0, 5, 3));
  EXPECT_EQ(training_items({folder_, 0, 7}).tokens, items_.tokens);
  EXPECT_THAT(
      [&] {
        (void)training_items({folder_, 7, 7});
      },
      ThrowsMessage<UserError>(HasSubstr("training.items is 7, and the split has 6")));
}

}  // namespace
}  // namespace assay
