#include "harness/runner/text_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "harness/base/cell_errors.h"
#include "harness/runner/prepared_stream_fixture.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_world::Home;
using testing_world::prepared_stream;

using Tokens = std::vector<std::int32_t>;

Tokens counted(std::int32_t from, std::int32_t count) {
  Tokens tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

void append(Tokens& to, const Tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

class TextOverlapTest : public testing::Test {
 protected:
  TextOverlap overlap(const Tokens& training, const Tokens& evaluation, std::int64_t used = 0) {
    return text_overlap(prepared_stream(home_, "training", training),
                        prepared_stream(home_, "evaluation", evaluation), used);
  }
  Home home_;
};

TEST_F(TextOverlapTest, TheSameTextIsAllKnown) {
  const TextOverlap found = overlap(counted(0, 200), counted(0, 200));
  EXPECT_EQ(found.stretches, 6);
  EXPECT_EQ(found.known, 6);
  EXPECT_TRUE(found.too_much());
}

TEST_F(TextOverlapTest, APartThatBeginsAnywhereIsFound) {
  Tokens training = counted(11000, 77);
  append(training, counted(32, 70));  // the second and third stretch, and a bit
  append(training, counted(15000, 50));
  const TextOverlap found = overlap(training, counted(0, 3200));
  EXPECT_EQ(found.stretches, 100);
  EXPECT_EQ(found.known, 2);
  EXPECT_EQ(found.training, 77);
  EXPECT_EQ(found.evaluation, 32);
  EXPECT_TRUE(found.too_much());
}

TEST_F(TextOverlapTest, OneStretchInAHundredIsChance) {
  Tokens training = counted(10000, 40);
  append(training, counted(64, 32));
  const TextOverlap found = overlap(training, counted(0, 3200));
  EXPECT_EQ(found.known, 1);
  EXPECT_FALSE(found.too_much());
}

TEST_F(TextOverlapTest, OnlyWhatIsTrainedOnCounts) {
  Tokens training = counted(1000, 64);
  append(training, counted(0, 64));
  EXPECT_EQ(overlap(training, counted(0, 64), 64).known, 0);
  EXPECT_EQ(overlap(training, counted(0, 64), 96).known, 1);
  EXPECT_EQ(overlap(training, counted(0, 64), 1000).known, 2);
}

TEST_F(TextOverlapTest, RepeatedAndShortTextsCount) {
  Tokens twice = counted(0, 32);
  append(twice, counted(0, 32));
  const TextOverlap found = overlap(counted(0, 32), twice);
  EXPECT_EQ(found.known, 2);
  EXPECT_EQ(found.stretches, 2);
  EXPECT_EQ(overlap(counted(0, 40), counted(3, 10)).known, 1);
  EXPECT_EQ(overlap(counted(0, 5), counted(0, 40)).known, 0);
  EXPECT_EQ(overlap({}, {}).known, 0);
}

TEST_F(TextOverlapTest, AnotherOrderIsAnotherText) {
  Tokens turned = counted(0, 64);
  std::swap(turned[3], turned[4]);
  std::swap(turned[43], turned[44]);
  EXPECT_EQ(overlap(turned, counted(0, 64)).known, 0);
}

TEST_F(TextOverlapTest, FoldersOfAnotherFormAreNamed) {
  const auto good = prepared_stream(home_, "good", counted(0, 40));
  const auto bad = prepared_stream(home_, "bad", counted(0, 40), "labelled");
  EXPECT_THAT(
      [&] { (void)text_overlap(good, bad, 0); },
      testing::ThrowsMessage<FileError>(HasSubstr("bad/manifest.json: holds data in the form")));
  EXPECT_THAT([&] { (void)text_overlap(home_.path() / "none", good, 0); },
              testing::ThrowsMessage<FileError>(HasSubstr("none/manifest.json")));
}

}  // namespace
}  // namespace assay
