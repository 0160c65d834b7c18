// SparseGPT's golden vectors, and the blocked fp32 sweep against plain loops in double.
#include "harness/method/optimal_brain_surgeon.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Formatting.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/base/errors.h"

namespace assay {
namespace {

using Matrix = std::vector<std::vector<double>>;

void no_retry(double, double) { FAIL() << "no retry expected"; }

Matrix plain(const at::Tensor& t) {
  Matrix rows(static_cast<std::size_t>(t.size(0)));
  for (std::int64_t r = 0; r < t.size(0); ++r) {
    for (std::int64_t c = 0; c < t.size(1); ++c) {
      rows[static_cast<std::size_t>(r)].push_back(t[r][c].item<double>());
    }
  }
  return rows;
}

/// Gauss-Jordan; the matrix is positive definite.
Matrix inverse(Matrix a) {
  const std::size_t n = a.size();
  Matrix b(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) b[i][i] = 1;
  for (std::size_t p = 0; p < n; ++p) {
    const double pivot = a[p][p];
    for (std::size_t c = 0; c < n; ++c) a[p][c] /= pivot, b[p][c] /= pivot;
    for (std::size_t r = 0; r < n; ++r) {
      const double factor = a[r][p];
      if (r == p) continue;
      for (std::size_t c = 0; c < n; ++c) a[r][c] -= factor * a[p][c], b[r][c] -= factor * b[p][c];
    }
  }
  return b;
}

/// U upper with a = U^T U.
Matrix upper_cholesky(const Matrix& a) {
  const std::size_t n = a.size();
  Matrix u(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      double sum = a[i][j];
      for (std::size_t k = 0; k < i; ++k) sum -= u[k][i] * u[k][j];
      u[i][j] = i == j ? std::sqrt(sum) : sum / u[i][i];
    }
  }
  return u;
}

Matrix naive_factor(const at::Tensor& hessian, double damping) {
  Matrix h = plain(hessian);
  double mean = 0;
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (h[i][i] == 0) h[i][i] = 1;
    mean += h[i][i] / static_cast<double>(h.size());
  }
  for (std::size_t i = 0; i < h.size(); ++i) h[i][i] += damping * mean;
  return upper_cholesky(inverse(h));
}

struct Naive {
  Matrix w;
  std::vector<std::vector<bool>> pruned;
};

/// The published column-by-column loop: no lazy blocks, every later column updated at once.
Naive naive_sparsegpt(const at::Tensor& weight, const at::Tensor& hessian,
                      const SparsityTarget& target, std::size_t block_size, double damping) {
  const Matrix u = naive_factor(hessian, damping);
  Naive out{plain(weight), {}};
  const std::size_t rows = out.w.size(), columns = u.size();
  out.pruned.assign(rows, std::vector<bool>(columns));
  for (std::size_t c = 0; c < columns; ++c) {
    if (hessian[static_cast<std::int64_t>(c)][static_cast<std::int64_t>(c)].item<float>() != 0) {
      continue;
    }
    for (auto& row : out.w) row[c] = 0;
  }
  const auto score = [&](std::size_t r, std::size_t c) {
    return out.w[r][c] * out.w[r][c] / (u[c][c] * u[c][c]);
  };
  const auto group = static_cast<std::size_t>(target.pattern.group);
  for (std::size_t c = 0; c < columns; ++c) {
    if (group == 0 && c % block_size == 0) {
      std::vector<double> all;
      const std::size_t end = std::min(columns, c + block_size);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = c; k < end; ++k) all.push_back(score(r, k));
      }
      std::sort(all.begin(), all.end());
      const double threshold =
          all[static_cast<std::size_t>(static_cast<double>(all.size()) * target.ratio)];
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = c; k < end; ++k) out.pruned[r][k] = score(r, k) <= threshold;
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      if (group > 0 && c % group == 0) {
        std::vector<std::size_t> order(group);
        std::iota(order.begin(), order.end(), c);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return score(r, a) < score(r, b); });
        for (std::int64_t i = 0; i < target.pattern.prune; ++i) {
          out.pruned[r][order[static_cast<std::size_t>(i)]] = true;
        }
      }
      if (!out.pruned[r][c]) continue;
      const double error = out.w[r][c] / u[c][c];
      for (std::size_t k = c; k < columns; ++k) out.w[r][k] -= error * u[c][k];
      out.w[r][c] = 0;
    }
  }
  return out;
}

at::Tensor golden_weight() {
  return at::tensor({4.F, -1.F, 2.F, -3.F, 1.F, 6.F, -2.F, 2.F}).view({2, 4});
}
at::Tensor golden_inputs() {
  return at::tensor({1.F, 0.F, 2.F, 1.F,  0.F, 1.F, 1.F, -1.F, 2.F, 1.F,
                     0.F, 1.F, 1.F, -1.F, 1.F, 0.F, 0.F, 2.F,  1.F, 1.F})
      .view({5, 4});
}
at::Tensor golden_hessian() { return golden_inputs().t().matmul(golden_inputs()).mul(2); }
double output_error(const at::Tensor& changed) {
  return golden_inputs().matmul((changed - golden_weight()).t()).square().sum().item<double>();
}

TEST(Obs, GoldenFactor) {
  EXPECT_TRUE(at::equal(golden_hessian(), at::tensor({12.F, 2.F, 6.F, 6.F, 2.F, 14.F, 4.F, 4.F, 6.F,
                                                      4.F, 14.F, 4.F, 6.F, 4.F, 4.F, 8.F})
                                              .view({4, 4})));
  const at::Tensor expected =
      at::tensor({0.385124F, 0.047746F, -0.104477F, -0.256628F, 0.F, 0.290982F, -0.048608F,
                  -0.119396F, 0.F, 0.F, 0.286893F, -0.141327F, 0.F, 0.F, 0.F, 0.350931F})
          .view({4, 4});
  EXPECT_TRUE(at::allclose(inverse_factor(golden_hessian(), 0.01, no_retry), expected, 0, 2e-6));
}

TEST(Obs, GoldenUnstructured) {
  const at::Tensor w = obs_prune(golden_weight(), golden_hessian(), {0.5, {}}, {}, no_retry);
  const at::Tensor expected =
      at::tensor({4.F, 0.F, 0.F, -2.507389F, 0.F, 5.876025F, 0.F, 0.F}).view({2, 4});
  EXPECT_TRUE(at::allclose(w, expected, 0, 5e-6)) << w;
  EXPECT_NEAR(output_error(w), 60.3558, 1e-3);
  EXPECT_NEAR(output_error(golden_weight().mul(w.ne(0))), 61, 1e-4);
}

TEST(Obs, GoldenTwoOfFour) {
  const at::Tensor w = obs_prune(golden_weight(), golden_hessian(), {0.5, {2, 4}}, {}, no_retry);
  const at::Tensor expected =
      at::tensor({4.F, 0.F, 0.F, -2.507389F, 0.F, 5.876025F, -1.728718F, 0.F}).view({2, 4});
  EXPECT_TRUE(at::allclose(w, expected, 0, 5e-6)) << w;
  EXPECT_NEAR(output_error(w), 57.9302, 1e-3);
}

/// A well-conditioned second-moment matrix; inputs 3 and 17 are dead.
at::Tensor random_hessian(std::int64_t width) {
  at::Tensor x = at::randn({6 * width, width}).add(at::randn({6 * width, 1}));
  x.select(1, 3).zero_();
  x.select(1, 17).zero_();
  return x.t().matmul(x).mul(2.0 / 8);
}

TEST(Obs, EqualsPlainLoopsOverBlocksPatternsAndDeadInputs) {
  constexpr std::int64_t kWidth = 48;
  const at::Tensor hessian = random_hessian(kWidth);
  for (const SparsityTarget& target : std::vector<SparsityTarget>{
           {0.5, {}}, {0.3, {}}, {0.8, {}}, {0.5, {2, 4}}, {0.25, {1, 4}}, {0.5, {4, 8}}}) {
    for (const std::int64_t block : {16, 20, 128}) {
      if (target.pattern.structured() && block % target.pattern.group != 0) continue;
      const at::Tensor weight = at::randn({10, kWidth});
      const at::Tensor got = obs_prune(weight, hessian, target, {block, 0.01}, no_retry);
      const Naive want =
          naive_sparsegpt(weight, hessian, target, static_cast<std::size_t>(block), 0.01);
      for (std::int64_t r = 0; r < weight.size(0); ++r) {
        for (std::int64_t c = 0; c < kWidth; ++c) {
          const auto row = static_cast<std::size_t>(r), column = static_cast<std::size_t>(c);
          EXPECT_NEAR(got[r][c].item<double>(), want.w[row][column], 1e-4);
          if (want.pruned[row][column]) {
            EXPECT_EQ(got[r][c].item<float>(), 0.0F);
          }
        }
      }
      EXPECT_TRUE(got.select(1, 3).eq(0).all().item<bool>());
      EXPECT_TRUE(got.isfinite().all().item<bool>());
    }
  }
}

TEST(Obs, IdentityHessianMovesNothingAndPrunesByMagnitudeInBlocks) {
  const at::Tensor weight = at::randn({6, 32});
  const at::Tensor got = obs_prune(weight, at::eye(32), {0.5, {}}, {16, 0}, no_retry);
  for (std::int64_t first = 0; first < 32; first += 16) {
    const at::Tensor block = weight.narrow(1, first, 16).contiguous();
    const at::Tensor keep = keep_above_threshold(block.square(), 0.5);
    EXPECT_TRUE(at::equal(got.narrow(1, first, 16), block.mul(keep)));
  }
}

TEST(Obs, WithOneMaskTheUpdateLeavesLessErrorThanTheMaskAlone) {
  const at::Tensor x = at::randn({400, 40}).add(at::randn({400, 1}).mul(2));
  const at::Tensor hessian = x.t().matmul(x).mul(2);
  const at::Tensor weight = at::randn({12, 40});
  const at::Tensor keep = keep_per_row(weight.abs(), 0.5);
  const at::Tensor updated = obs_update(weight, hessian, keep, {16, 0.01}, no_retry);
  const auto error = [&](const at::Tensor& w) {
    return x.matmul((w - weight).t()).square().mean().item<double>();
  };
  EXPECT_TRUE(updated.masked_select(keep.logical_not()).eq(0).all().item<bool>());
  EXPECT_LT(error(updated), 0.8 * error(weight.mul(keep)));
}

TEST(Obs, ZeroRatioChangesNothing) {
  const at::Tensor weight = at::randn({4, 24});
  EXPECT_TRUE(at::equal(obs_prune(weight, random_hessian(24), {0, {}}, {}, no_retry), weight));
}

TEST(Obs, DoesNotDependOnThreads) {
  const at::Tensor hessian = random_hessian(64), weight = at::randn({64, 64});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = obs_prune(weight, hessian, {0.5, {}}, {16, 0.01}, no_retry);
  at::set_num_threads(2);
  const at::Tensor two = obs_prune(weight, hessian, {0.5, {}}, {16, 0.01}, no_retry);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.eq(0), two.eq(0)));
  EXPECT_TRUE(at::allclose(one, two, 1e-5, 1e-6));
}

TEST(Obs, AFailedFactorisationIsTriedAgainWithMoreDamping) {
  at::Tensor hessian = at::eye(4);
  hessian[0][1] = hessian[1][0] = 1.05;  // eigenvalue -0.05: fails at 0.01, holds at 0.1
  std::vector<std::pair<double, double>> retries;
  const auto note = [&](double failed, double next) { retries.emplace_back(failed, next); };
  EXPECT_TRUE(inverse_factor(hessian, 0.01, note).isfinite().all().item<bool>());
  EXPECT_THAT(retries, ::testing::ElementsAre(std::pair(0.01, 0.1)));
  retries.clear();
  hessian[0][1] = hessian[1][0] = 1.5;  // eigenvalue -0.5: needs 1
  EXPECT_TRUE(inverse_factor(hessian, 0.01, note).defined());
  EXPECT_THAT(retries, ::testing::ElementsAre(std::pair(0.01, 0.1), std::pair(0.1, 1.0)));
}

TEST(Obs, AHopelessMatrixIsRefused) {
  at::Tensor hessian = at::eye(4);
  hessian[0][1] = hessian[1][0] = 100;
  EXPECT_THROW(inverse_factor(hessian, 0.01, [](double, double) {}), UserError);
  hessian[0][0] = std::nan("");
  EXPECT_THROW(inverse_factor(hessian, 0.01, [](double, double) {}), UserError);
}

}  // namespace
}  // namespace assay
