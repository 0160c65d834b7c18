#include "harness/worker/training_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "harness/base/errors.h"
#include "harness/worker/stream_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class TrainingTextTest : public testing::Test {
 protected:
  TrainingTextTest() {
    fs::remove_all(folder_);
    write_stream(folder_, {1, 2, 3, 4, 5, 6, 7});
  }
  void expect_error(std::int64_t samples, std::int64_t tokens, const std::string& text) {
    EXPECT_THAT(
        [&] {
          (void)training_text({folder_, samples, tokens}, 6);
        },
        ThrowsMessage<UserError>(HasSubstr(text)));
  }
  fs::path folder_ = fs::path(testing::TempDir()) / "training_text_test";
};

TEST_F(TrainingTextTest, IsTheFirstWholeWindows) {
  const TrainingText all = training_text({folder_, 0, 3}, 6);
  EXPECT_THAT(all.tokens, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(all.windows(), 2);
  EXPECT_THAT(all.part(1, 1), ElementsAre(4, 5, 6));
  EXPECT_TRUE(all.part(2, 0).empty());
  EXPECT_THAT(training_text({folder_, 2, 2}, 6).tokens, ElementsAre(1, 2, 3, 4));
}

TEST_F(TrainingTextTest, WhatDoesNotFitIsRefused) {
  expect_error(3, 3, "asks for 3 windows of 3 tokens, and the text has 7 tokens, which make 2");
  expect_error(0, 7, "training.tokens is 7, and a window has from 2 to 6 tokens");
  expect_error(0, 1, "training.tokens is 1");
  write_stream(folder_, {1, 2});
  expect_error(0, 3, "asks for 1 windows of 3 tokens, and the text has 2 tokens, which make 0");
}

}  // namespace
}  // namespace assay
