#include "harness/method/optimal_brain_surgeon.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/le.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/base/errors.h"

namespace assay {
namespace {

constexpr double kRetryDamping = 0.1;
constexpr double kLargestDamping = 10.0;
constexpr std::int64_t kRowsPerTask = 8;

/// One attempt; undefined when a factorisation fails or gives something that is not finite.
at::Tensor try_inverse_factor(const at::Tensor& hessian, double added) {
  at::Tensor damped = hessian.clone();
  damped.diagonal().add_(added);
  const auto [lower, failed] = at::linalg_cholesky_ex(damped);
  if (failed.item<int>() != 0) return {};
  const auto [upper, failed_again] = at::linalg_cholesky_ex(at::cholesky_inverse(lower), true);
  if (failed_again.item<int>() != 0) return {};
  const bool finite = std::isfinite(upper.sum(at::kDouble).item<double>());
  return finite ? upper.contiguous() : at::Tensor();
}

struct ColumnBlock {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Walks the columns of a weight in blocks. Rows do not depend on each other once a block's
/// threshold is known, so they run in parallel and the result is the same for any thread count.
class ObsSweep {
 public:
  ObsSweep(at::Tensor weight, at::Tensor factor)
      : weight_(std::move(weight)), factor_(std::move(factor)) {}

  /// pruned(block) gives a bool [rows, count] for the block; undefined: N:M, chosen on the way.
  template <typename Mask>
  at::Tensor run(std::int64_t block_size, const Pattern& pattern, const Mask& mask) {
    const std::int64_t columns = weight_.size(1);
    for (std::int64_t first = 0; first < columns; first += block_size) {
      const ColumnBlock block{first, std::min(block_size, columns - first)};
      const at::Tensor errors = sweep(block, pattern, mask(block));
      const std::int64_t later = columns - first - block.count;
      if (later == 0) continue;
      const at::Tensor coupling =
          factor_.narrow(0, first, block.count).narrow(1, first + block.count, later);
      weight_.narrow(1, first + block.count, later).sub_(errors.matmul(coupling));
    }
    return weight_;
  }

  /// w^2 / diag(U)^2 of the block's current weights.
  [[nodiscard]] at::Tensor scores(const ColumnBlock& block) const {
    const at::Tensor scale = factor_.diagonal().narrow(0, block.first, block.count);
    return weight_.narrow(1, block.first, block.count).square().div(scale.square()).contiguous();
  }

 private:
  at::Tensor sweep(const ColumnBlock& block, const Pattern& pattern, const at::Tensor& mask) {
    const std::int64_t rows = weight_.size(0);
    at::Tensor errors = at::empty({rows, block.count}, weight_.options());
    at::Tensor pruned = mask.defined()
                            ? mask.contiguous()
                            : at::zeros({rows, block.count}, weight_.options().dtype(at::kBool));
    const at::Tensor factor = factor_.narrow(0, block.first, block.count)
                                  .narrow(1, block.first, block.count)
                                  .contiguous();
    const std::int64_t group = mask.defined() ? 0 : pattern.group;
    at::parallel_for(0, rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        float* w = weight_.mutable_data_ptr<float>() + r * weight_.size(1) + block.first;
        float* e = errors.mutable_data_ptr<float>() + r * block.count;
        bool* p = pruned.mutable_data_ptr<bool>() + r * block.count;
        sweep_row(w, e, p, factor.const_data_ptr<float>(), block.count, group, pattern.prune);
      }
    });
    return errors;
  }

  /// Left to right: e = (w_i - q_i) / U_ii, w_j -= e U_ij for j > i.
  static void sweep_row(float* w, float* errors, bool* pruned, const float* factor,
                        std::int64_t count, std::int64_t group, std::int64_t prune) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (group > 0 && i % group == 0) choose(w, pruned, factor, i, count, group, prune);
      errors[i] = 0;
      if (!pruned[i]) continue;
      const float* u = factor + i * count;
      const float error = w[i] / u[i];
      for (std::int64_t j = i + 1; j < count; ++j) w[j] -= error * u[j];
      w[i] = 0;
      errors[i] = error;
    }
  }

  static void choose(const float* w, bool* pruned, const float* factor, std::int64_t i,
                     std::int64_t count, std::int64_t group, std::int64_t prune) {
    std::vector<float> scores(static_cast<std::size_t>(group));
    for (std::int64_t j = 0; j < group; ++j) {
      const float u = factor[(i + j) * count + i + j];
      scores[static_cast<std::size_t>(j)] = w[i + j] * w[i + j] / (u * u);
    }
    prune_smallest(scores.data(), group, prune, pruned + i);
  }

  at::Tensor weight_;
  at::Tensor factor_;
};

/// A sweep over a copy of the weight; dead inputs get H_jj = 1 and a zero column.
ObsSweep prepare(const at::Tensor& weight, const at::Tensor& hessian, double damping,
                 const DampingRetry& retry) {
  at::Tensor h = hessian.to(at::kFloat).clone();
  const at::Tensor dead = at::eq(h.diagonal(), 0);
  h.diagonal().masked_fill_(dead, 1);
  at::Tensor w = weight.to(at::kFloat).clone(at::MemoryFormat::Contiguous);
  w.masked_fill_(dead.unsqueeze(0), 0);
  return {w, inverse_factor(h, damping, retry)};
}

std::int64_t whole_groups(std::int64_t block_size, const Pattern& pattern) {
  if (!pattern.structured()) return block_size;
  return std::max<std::int64_t>(1, block_size / pattern.group) * pattern.group;
}

}  // namespace

DampingRetry warn_of_retry(FitContext& context, const std::string& slot) {
  return [&context, slot](double failed, double next) {
    context.warn("cholesky_retry",
                 fmt::format("{}: second-moment matrix not positive definite with damping {}; "
                             "tried again with {}",
                             slot, failed, next));
  };
}

ParamSpec damping_param() {
  ParamSpec spec;
  spec.name = "damping";
  spec.default_value = 0.01;
  spec.min = 0;
  spec.max = kLargestDamping;
  spec.help = "Part of the mean of the second-moment matrix's diagonal that is added to it";
  return spec;
}

at::Tensor inverse_factor(const at::Tensor& hessian, double damping, const DampingRetry& retry) {
  const double mean = hessian.diagonal().mean().item<double>();
  for (double part = damping;;) {
    const at::Tensor factor = try_inverse_factor(hessian, part * mean);
    if (factor.defined()) return factor;
    const double next = part < kRetryDamping ? kRetryDamping : part * 10;
    if (!std::isfinite(mean) || next > kLargestDamping) break;
    retry(part, next);
    part = next;
  }
  throw UserError(
      "the second-moment matrix of the activations cannot be inverted, even when damped; use more "
      "calibration samples, and check that the model's activations are finite");
}

at::Tensor obs_prune(const at::Tensor& weight, const at::Tensor& hessian,
                     const SparsityTarget& target, const ObsOptions& options,
                     const DampingRetry& retry) {
  if (target.ratio == 0) return weight;
  if (target.pattern.structured()) require_whole_groups(weight.size(1), target.pattern);
  ObsSweep sweep = prepare(weight, hessian, options.damping, retry);
  const std::int64_t block_size = whole_groups(options.block_size, target.pattern);
  return sweep.run(block_size, target.pattern, [&](const ColumnBlock& block) {
    if (target.pattern.structured()) return at::Tensor();
    return keep_above_threshold(sweep.scores(block), target.ratio).logical_not();
  });
}

at::Tensor obs_update(const at::Tensor& weight, const at::Tensor& hessian, const at::Tensor& keep,
                      const ObsOptions& options, const DampingRetry& retry) {
  ObsSweep sweep = prepare(weight, hessian, options.damping, retry);
  const at::Tensor pruned = keep.logical_not();
  return sweep.run(options.block_size, Pattern{}, [&](const ColumnBlock& block) {
    return pruned.narrow(1, block.first, block.count);
  });
}

}  // namespace assay
