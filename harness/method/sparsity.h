#pragma once
// What weight pruners share: how much to remove (a ratio or N:M) and the rules that choose.
//
// Scores are f32 [rows, columns], contiguous, on the CPU, finite; a mask is bool of the same shape,
// true = keep. All rules prune the smallest scores; equal scores go in order of their index, as a
// stable ascending sort has them. Results do not depend on the number of threads.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/base/pattern.h"
#include "harness/checkpoint/spec.h"

namespace assay {

/// How much of each matrix to remove. With a structured pattern ratio == prune / group.
struct SparsityTarget {
  double ratio = 0.5;
  Pattern pattern;
};

/// The parameters `sparsity` and `pattern`.
std::vector<ParamSpec> sparsity_params();
/// Reads them. With N:M, `sparsity` must be N/M or keep its default. Throws UserError otherwise.
SparsityTarget sparsity_target(const Params& params);
/// What of them does not fit this model, one text a problem: a contradictory pattern,
/// or an N:M whose M does not divide a matrix's row (with the matrix and its width).
std::vector<std::string> unmet_sparsity(const ModelSpec& spec, const Params& params);

/// Throws UserError naming `what` when a score is NaN or infinite.
void require_finite_scores(const at::Tensor& scores, const std::string& what);

/// Exactly int(columns * ratio) pruned in every row.
at::Tensor keep_per_row(const at::Tensor& scores, double ratio);

/// Whole matrix: the threshold is the element at index int(rows * columns * ratio) of the sorted
/// scores, everything <= threshold is pruned: at least one more than the ratio asks for, and more
/// with ties. A ratio of 0 prunes nothing (by the published rule it would prune one).
at::Tensor keep_above_threshold(const at::Tensor& scores, double ratio);

/// Throws UserError when an N:M group does not divide a row of `columns` weights.
void require_whole_groups(std::int64_t columns, const Pattern& pattern);

/// Exactly pattern.prune of every pattern.group; require_whole_groups holds.
at::Tensor keep_n_of_m(const at::Tensor& scores, const Pattern& pattern);

/// Within what weights compete.
enum class Scope { kMatrix, kRow };
/// The parameter `scope`, and its value.
ParamSpec scope_param(Scope standard);
Scope scope_value(const Params& params);

/// keep_n_of_m for a structured target, keep_per_row or keep_above_threshold otherwise.
at::Tensor keep_by_target(const at::Tensor& scores, const SparsityTarget& target, Scope scope);

/// Marks the pruned ones of one group: `pruned` gets `prune` ones among `size` scores.
void prune_smallest(const float* scores, std::int64_t size, std::int64_t prune, bool* pruned);

/// The value at `index` of the sorted values; reorders them.
float value_at_rank(std::vector<float>& values, std::int64_t index);

}  // namespace assay
