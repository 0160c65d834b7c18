#include "harness/contextual/predictor_quality.h"

#include <ATen/ops/logit.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

at::Tensor rows_of(const std::vector<float>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns}).clone();
}

const float kNan = std::numeric_limits<float>::quiet_NaN();

class Hits : public testing::Test {
 protected:
  at::Tensor labels_ = rows_of({1, 0, 1, 0}, 4);
  at::Tensor scores_ = at::logit(rows_of({0.9F, 0.6F, 0.4F, 0.1F}, 4));
};

TEST_F(Hits, AtOneHalf) {
  const PredictionHits found = hits_at_threshold(scores_, labels_);
  EXPECT_EQ(found.recall(), 0.5);
  EXPECT_EQ(found.predicted_a_row(), 2);
  EXPECT_EQ(found.precision(), 0.5);
  const PredictionHits lower = hits_at_threshold(scores_, labels_, -1);  // probability .27
  EXPECT_EQ(lower.recall(), 1);
  EXPECT_EQ(lower.predicted_a_row(), 3);
}

TEST_F(Hits, OneHalfItselfIsPredicted) {
  EXPECT_EQ(hits_at_threshold(rows_of({0}, 1), rows_of({1}, 1)).recall(), 1);
}

TEST_F(Hits, AtK) {
  EXPECT_EQ(hits_at_k(scores_, labels_, 1).recall(), 0.5);
  EXPECT_EQ(hits_at_k(scores_, labels_, 1).precision(), 1);
  EXPECT_EQ(hits_at_k(scores_, labels_, 3).recall(), 1);
  EXPECT_DOUBLE_EQ(hits_at_k(scores_, labels_, 3).precision(), 2.0 / 3);
  EXPECT_EQ(hits_at_k(scores_, labels_, 0).recall(), 0);
  EXPECT_THROW((void)hits_at_k(scores_, labels_, 5), std::logic_error);
}

TEST_F(Hits, RecallIsARatioOfMeans) {
  // Row 0 finds 1 of 1, row 1 finds 1 of 3: 2 of 4, not the mean of 1 and 1/3.
  const at::Tensor labels = rows_of({1, 0, 0, 1, 1, 1}, 3).to(at::kBool);
  const at::Tensor scores = rows_of({1, -1, -1, 1, -1, -1}, 3);
  PredictionHits sum = hits_at_threshold(scores.narrow(0, 0, 1), labels.narrow(0, 0, 1));
  sum += hits_at_threshold(scores.narrow(0, 1, 1), labels.narrow(0, 1, 1));
  EXPECT_EQ(sum.recall(), 0.5);
  EXPECT_EQ(sum.rows, 2);
  EXPECT_EQ(hits_at_threshold(scores, labels).recall(), 0.5);
}

TEST_F(Hits, WhereThereIsNothingThereIsNoNumber) {
  EXPECT_TRUE(std::isnan(hits_at_threshold(scores_, labels_.mul(0)).recall()));
  EXPECT_TRUE(std::isnan(hits_at_threshold(scores_, labels_, 100).precision()));
  EXPECT_TRUE(std::isnan(PredictionHits().predicted_a_row()));
}

TEST_F(Hits, ScoresThatAreNoNumbersAreNamed) {
  const at::Tensor spoiled = rows_of({1, kNan, 2, kNan}, 4);
  EXPECT_THAT([&] { (void)hits_at_threshold(spoiled, labels_); },
              ThrowsMessage<NonFiniteValue>(HasSubstr("2 of 4 predicted scores are NaN")));
  EXPECT_THROW((void)hits_at_k(spoiled, labels_, 2), NonFiniteValue);
}

TEST(Ranks, AreThoseOfSciPy) {
  const Json golden = Json::parse(
      read_text_file(source_dir() / "tests" / "data" / "contextual" / "predictor_goldens.json"));
  ASSERT_GE(golden.at("spearman").size(), 4U);
  for (const Json& sample : golden.at("spearman")) {
    const auto found = sample.at("found").get<std::vector<float>>();
    const auto wanted = sample.at("wanted").get<std::vector<float>>();
    const auto columns = static_cast<std::int64_t>(found.size());
    const RankCorrelation all = rank_correlation(rows_of(found, columns), rows_of(wanted, columns));
    EXPECT_NEAR(all.mean, sample.at("correlation").get<double>(), 1e-12) << sample.at("name");
  }
}

TEST(Ranks, SamplesWithoutACorrelationAreCounted) {
  const at::Tensor found = rows_of({1, 2, 3, 5, 5, 5, 1, 2, 3, kNan, 1, 2, 3, 2, 1}, 3);
  const at::Tensor wanted = rows_of({4, 5, 6, 1, 2, 3, 7, 7, 7, 1, 2, 3, 1, 2, 3}, 3);
  const RankCorrelation all = rank_correlation(found, wanted);
  EXPECT_EQ(all.samples, 2);
  EXPECT_EQ(all.constant, 2);  // one found, one wanted
  EXPECT_EQ(all.not_finite, 1);
  EXPECT_DOUBLE_EQ(all.mean, 0);  // 1 and -1
  ASSERT_EQ(all.each.size(), 5U);
  EXPECT_DOUBLE_EQ(all.each[0], 1);
  EXPECT_TRUE(std::isnan(all.each[1]) && std::isnan(all.each[2]) && std::isnan(all.each[3]));
  EXPECT_DOUBLE_EQ(all.each[4], -1);
}

TEST(Ranks, WithoutAnySampleThereIsNoMean) {
  EXPECT_TRUE(std::isnan(rank_correlation(rows_of({1, 1}, 2), rows_of({1, 2}, 2)).mean));
}

}  // namespace
}  // namespace assay
