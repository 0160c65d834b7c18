#include "harness/judge/match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(KeyDifferences, AreNamed) {
  const Json a = make_record("dense").key_doc;
  Json b = a;
  EXPECT_TRUE(key_differences(a, b, false).empty());
  b["model"]["hash"] = "m1";
  b["suite"]["data"] = std::string(64, 'a');
  b["suite"]["params"]["window"] = 256;
  b["profile"]["fingerprint"]["threads"] = 2;
  EXPECT_THAT(
      key_differences(a, b, false),
      ElementsAre("model.hash: m0 against m1", "profile.fingerprint.threads: 1 against 2",
                  "suite.data: d0 against aaaaaaaaaaaa", "suite.params.window: 128 against 256"));
}

TEST(KeyDifferences, ACommitMayChangeTheMethodsSourceOnly) {
  const Json a = make_record("wanda").key_doc;
  Json b = a;
  b["method"]["source"] = "2";
  b["processes_per_arm"] = 12;
  EXPECT_TRUE(key_differences(a, b, false).empty());
  b["method"]["params"]["sparsity"] = 0.6;
  EXPECT_THAT(key_differences(a, b, false),
              ElementsAre("method.params.sparsity: nothing against 0.6"));
  EXPECT_TRUE(key_differences(a, b, true).empty());
}

TEST(Match, SameQuestionsMeet) {
  const std::vector<CellRecord> a{make_record("dense"), make_record("wanda")};
  const std::vector<CellRecord> b{make_record("wanda"), make_record("dense")};
  const auto pairs = match_cells(a, b, false);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].a, &a[0]);
  EXPECT_EQ(pairs[0].b, &b[1]);
  EXPECT_EQ(pairs[1].b, &b[0]);
}

TEST(Match, OneKeyIsOneQuestionWhateverTheNames) {
  // Random and trained weights of one model share all labels.
  std::vector<CellRecord> a{make_record("dense"), make_record("dense")};
  a[1].key_doc["model"]["random_weights"] = true;
  a[1].cell_key = json_hash(a[1].key_doc);
  const std::vector<CellRecord> b{a[1], a[0]};
  const auto pairs = match_cells(a, b, false);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].b, &b[1]);
  EXPECT_EQ(pairs[1].b, &b[0]);
}

TEST(Match, AcrossMethodsOnlyTheMethodDiffers) {
  const std::vector<CellRecord> a{make_record("dense", "x"), make_record("dense", "y")};
  const std::vector<CellRecord> b{make_record("wanda", "y"), make_record("wanda", "x")};
  const auto pairs = match_cells(a, b, true);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].b, &b[1]);
  EXPECT_EQ(pairs[1].b, &b[0]);
}

TEST(Match, LeftoversMeetSoThatTheDifferenceCanBeNamed) {
  const std::vector<CellRecord> a{make_record("dense")};
  std::vector<CellRecord> b{make_record("dense")};
  b[0].profile = "cuda";
  b[0].model = "other";
  EXPECT_EQ(match_cells(a, b, false)[0].b, &b[0]);
}

TEST(Match, WhatHasNoPartnerStaysAlone) {
  const std::vector<CellRecord> a{make_record("dense"), make_record("ria")};
  const std::vector<CellRecord> b{make_record("dense"), make_record("wanda")};
  const auto pairs = match_cells(a, b, false);
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_EQ(pairs[1].b, nullptr);
  EXPECT_EQ(pairs[2].a, nullptr);
  EXPECT_EQ(pairs[2].b, &b[1]);
}

}  // namespace
}  // namespace assay
