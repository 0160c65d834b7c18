#include "harness/suite/score_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>

#include "harness/base/files.h"
#include "harness/suite/suite_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::uint64_t> bits(const std::vector<double>& numbers) {
  std::vector<std::uint64_t> all;
  for (const double number : numbers) all.push_back(std::bit_cast<std::uint64_t>(number));
  return all;
}

class ScoreLogTest : public testing::Test {
 protected:
  /// Three batches, of which `computed_` counts those that were not given back.
  std::vector<std::vector<double>> score(const std::string& identity) {
    ScoreLog log(file_, identity);
    return score(log);
  }
  std::vector<std::vector<double>> score(ScoreLog& log) {
    computed_ = 0;
    std::vector<std::vector<double>> all;
    for (const std::vector<double>& batch : batches_) {
      all.push_back(log.next(batch.size(), [&] {
        ++computed_;
        return batch;
      }));
    }
    EXPECT_EQ(log.given_back() + computed_, 3);
    return all;
  }
  void expect_right(const std::vector<std::vector<double>>& scored) const {
    ASSERT_EQ(scored.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(bits(scored[i]), bits(batches_[i]));
  }

  ScratchFolder folder_;
  std::filesystem::path file_ = folder_.path() / "key" / "scores";
  std::vector<std::vector<double>> batches_ = {
      {0.1, -0.0, 5e-324}, {std::nan("7"), std::numeric_limits<double>::infinity()}, {1.0 / 3}};
  std::int64_t computed_ = 0;
};

TEST_F(ScoreLogTest, KeepsNothingWithoutAFile) {
  ScoreLog log;
  expect_right(score(log));
  EXPECT_EQ(computed_, 3);
}

TEST_F(ScoreLogTest, GivesBackEveryBitOnce) {
  expect_right(score("one"));
  EXPECT_EQ(computed_, 3);
  ScoreLog again(file_, "one");
  expect_right(score(again));
  EXPECT_EQ(computed_, 0);
  EXPECT_GT(again.peak_bytes(), 1'000'000) << "of this process";
}

// Whichever byte was the last one on the disk when the worker died.
TEST_F(ScoreLogTest, GoesOnBehindTheLastWholeBatch) {
  (void)score("one");
  const std::string whole = read_text_file(file_);
  std::int64_t most = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    expect_right(score("one"));
    EXPECT_GE(3 - computed_, most) << "more was there, and less was given back";
    most = 3 - computed_;
    EXPECT_EQ(read_text_file(file_).size(), whole.size());
    expect_right(score("one"));
    EXPECT_EQ(computed_, 0) << size;
  }
  EXPECT_EQ(most, 3);
}

// Whichever byte rotted: what comes behind it is computed anew.
TEST_F(ScoreLogTest, BelievesNoDamagedBatch) {
  (void)score("one");
  const std::string whole = read_text_file(file_);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << damaged;
    expect_right(score("one"));
    EXPECT_GT(computed_, 0) << at;
  }
}

TEST_F(ScoreLogTest, BeginsAnewForAnotherIdentity) {
  (void)score("one");
  expect_right(score("another"));
  EXPECT_EQ(computed_, 3);
  expect_right(score("one"));
  EXPECT_EQ(computed_, 3) << "one log at a time";
}

TEST_F(ScoreLogTest, BatchesOfAnotherCutAreComputed) {
  (void)score("one");
  batches_ = {{0.1, -0.0, 5e-324}, {2}, {3}};
  expect_right(score("one"));
  EXPECT_EQ(computed_, 2);
}

TEST_F(ScoreLogTest, WhatAnotherProgramWritesIsLeftAlone) {
  ScoreLog first(file_, "one");
  expect_right(score("one"));
  EXPECT_EQ(computed_, 3);
  expect_right(score(first));
  EXPECT_EQ(computed_, 3);
}

TEST_F(ScoreLogTest, WhereNothingCanBeWrittenTheScoreGoesOn) {
  std::ofstream(folder_.path() / "key") << "a file where the folder should be";
  expect_right(score("one"));
  EXPECT_EQ(computed_, 3);
  file_ = "/dev/full";
  expect_right(score("one"));
  EXPECT_EQ(computed_, 3);
}

TEST_F(ScoreLogTest, AWrongCountIsAMistake) {
  ScoreLog log(file_, "one");
  EXPECT_THAT([&] { (void)log.next(2, [] { return std::vector<double>{1}; }); },
              ThrowsMessage<std::logic_error>(HasSubstr("another size")));
}

}  // namespace
}  // namespace assay
