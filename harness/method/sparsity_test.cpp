// The rules against plain loops over sorted indices, on random matrices with many ties.
#include "harness/method/sparsity.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "harness/base/errors.h"

namespace assay {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Matrix = std::vector<std::vector<float>>;
using Bits = std::vector<std::vector<bool>>;

Matrix plain(const at::Tensor& t) {
  Matrix rows;
  for (std::int64_t r = 0; r < t.size(0); ++r) {
    const float* from = t.const_data_ptr<float>() + r * t.size(1);
    rows.emplace_back(from, from + t.size(1));
  }
  return rows;
}

Bits bits(const at::Tensor& t) {
  Bits rows;
  for (std::int64_t r = 0; r < t.size(0); ++r) {
    const bool* from = t.const_data_ptr<bool>() + r * t.size(1);
    rows.emplace_back(from, from + t.size(1));
  }
  return rows;
}

/// Marks the first `count` of a stable ascending sort of row[begin, end).
void prune_sorted(const std::vector<float>& row, std::size_t begin, std::size_t end,
                  std::size_t count, std::vector<bool>& keep) {
  std::vector<std::size_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row[a] < row[b]; });
  for (std::size_t i = 0; i < count; ++i) keep[order[i]] = false;
}

Bits naive_rows(const Matrix& scores, std::size_t group, std::size_t count) {
  Bits all;
  for (const auto& row : scores) {
    std::vector<bool> keep(row.size(), true);
    for (std::size_t begin = 0; begin < row.size(); begin += group) {
      prune_sorted(row, begin, begin + group, count, keep);
    }
    all.push_back(keep);
  }
  return all;
}

Bits naive_threshold(const Matrix& scores, double ratio) {
  std::vector<float> flat;
  for (const auto& row : scores) flat.insert(flat.end(), row.begin(), row.end());
  std::sort(flat.begin(), flat.end());
  const float threshold = flat[static_cast<std::size_t>(static_cast<double>(flat.size()) * ratio)];
  Bits all;
  for (const auto& row : scores) {
    std::vector<bool> keep;
    for (const float score : row) keep.push_back(score > threshold);
    all.push_back(keep);
  }
  return all;
}

std::vector<at::Tensor> score_matrices() {
  return {at::rand({7, 24}), at::randint(0, 4, {9, 48}).to(at::kFloat), at::rand({1, 24}),
          at::ones({3, 24}), at::randint(0, 2, {40, 96}).to(at::kFloat)};
}

TEST(Selection, PerRowEqualsAStableSort) {
  for (const at::Tensor& scores : score_matrices()) {
    for (const double ratio : {0.0, 0.01, 0.3, 0.5, 0.77, 0.99}) {
      const auto count = static_cast<std::size_t>(static_cast<double>(scores.size(1)) * ratio);
      EXPECT_EQ(bits(keep_per_row(scores, ratio)),
                naive_rows(plain(scores), static_cast<std::size_t>(scores.size(1)), count));
    }
  }
}

TEST(Selection, ThresholdEqualsASortAndPrunesAtLeastOneMore) {
  for (const at::Tensor& scores : score_matrices()) {
    for (const double ratio : {0.01, 0.3, 0.5, 0.77, 0.99}) {
      const at::Tensor keep = keep_above_threshold(scores, ratio);
      EXPECT_EQ(bits(keep), naive_threshold(plain(scores), ratio));
      const auto target = static_cast<std::int64_t>(static_cast<double>(scores.numel()) * ratio);
      EXPECT_GE(keep.numel() - keep.sum().item<std::int64_t>(), target + 1);
    }
  }
}

TEST(Selection, NOfMEqualsAStableSortOfEveryGroup) {
  for (const at::Tensor& scores : score_matrices()) {
    for (const char* text : {"2:4", "4:8", "1:4", "3:4", "1:2", "5:24", "1:3"}) {
      const Pattern pattern = *pattern_from_text(text);
      EXPECT_EQ(bits(keep_n_of_m(scores, pattern)),
                naive_rows(plain(scores), static_cast<std::size_t>(pattern.group),
                           static_cast<std::size_t>(pattern.prune)))
          << text;
    }
  }
}

TEST(Selection, NOfMThatDoesNotDivideTheRowIsRefused) {
  EXPECT_THAT(
      [] {
        keep_n_of_m(at::rand({2, 10}), Pattern{2, 4});
      },
      ThrowsMessage<UserError>(HasSubstr("10 weights")));
}

TEST(Selection, ZeroRatioKeepsEverything) {
  const at::Tensor scores = at::rand({3, 8});
  EXPECT_TRUE(keep_above_threshold(scores, 0).all().item<bool>());
  EXPECT_TRUE(keep_per_row(scores, 0).all().item<bool>());
}

TEST(Selection, DoesNotDependOnThreads) {
  const at::Tensor scores = at::randint(0, 50, {300, 96}).to(at::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = keep_per_row(scores, 0.5), one_nm = keep_n_of_m(scores, {2, 4});
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(one, keep_per_row(scores, 0.5)));
  EXPECT_TRUE(at::equal(one_nm, keep_n_of_m(scores, {2, 4})));
  at::set_num_threads(threads);
}

TEST(Selection, ScoresThatAreNotFiniteAreNamed) {
  const at::Tensor scores =
      at::tensor({1.0F, std::numeric_limits<float>::quiet_NaN()}).view({1, 2});
  EXPECT_THAT([&] { require_finite_scores(scores, "layer.3.q"); },
              ThrowsMessage<UserError>(HasSubstr("layer.3.q")));
  EXPECT_NO_THROW(require_finite_scores(at::rand({2, 2}), "q"));
}

TEST(PatternText, OnlyNofMWithNBelowMIsAccepted) {
  EXPECT_FALSE(pattern_from_text("unstructured")->structured());
  EXPECT_EQ(pattern_from_text("2:4")->prune, 2);
  EXPECT_EQ(pattern_from_text("2:4")->group, 4);
  for (const char* text :
       {"", "2:", ":4", "4:4", "0:4", "5:4", "-1:4", "2:4x", "2-4", "a:b", "2:4:8"}) {
    EXPECT_FALSE(pattern_from_text(text)) << text;
  }
}

Params params(const Json& given) { return Params(sparsity_params(), given); }

TEST(SparsityTarget, TakesThePatternsRatioAndRefusesContradictions) {
  EXPECT_EQ(sparsity_target(params(Json::object())).ratio, 0.5);
  EXPECT_EQ(sparsity_target(params({{"pattern", "1:4"}})).ratio, 0.25);
  EXPECT_EQ(sparsity_target(params({{"pattern", "1:4"}, {"sparsity", 0.25}})).ratio, 0.25);
  EXPECT_THAT(
      [] {
        sparsity_target(params({{"pattern", "2:4"}, {"sparsity", 0.3}}));
      },
      ThrowsMessage<UserError>(HasSubstr("sparsity 0.3 contradicts pattern 2:4")));
  EXPECT_THAT(
      [] {
        sparsity_target(params({{"pattern", "2-4"}}));
      },
      ThrowsMessage<UserError>(HasSubstr("\"2-4\" is neither")));
}

TEST(SparsityTarget, UnmetNamesTheMatricesAndTheirWidth) {
  ModelSpec spec;
  spec.layers = 2;
  spec.width = 36;
  spec.shape.heads = 4;
  spec.shape.head_dim = 8;
  spec.shape.ffn_width = 64;
  spec.ffn_gated = true;
  EXPECT_THAT(unmet_sparsity(spec, params({{"pattern", "4:8"}})),
              ::testing::ElementsAre(HasSubstr("q, k, v, gate, up have 36 weights")));
  EXPECT_THAT(unmet_sparsity(spec, params({{"pattern", "1:5"}})), ::testing::SizeIs(3));
  EXPECT_THAT(unmet_sparsity(spec, params({{"pattern", "2:4"}})), ::testing::IsEmpty());
  EXPECT_THAT(unmet_sparsity(spec, params({{"pattern", "2:4"}, {"sparsity", 0.3}})),
              ::testing::SizeIs(1));
}

}  // namespace
}  // namespace assay
