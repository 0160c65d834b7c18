#include "harness/method/sparsity.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sum.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/param_makers.h"
#include "harness/base/text.h"
#include "harness/checkpoint/slot.h"

namespace assay {
namespace {

constexpr double kDefaultSparsity = 0.5;
constexpr std::int64_t kRowsPerTask = 16;

/// Matrices with rows of one width, by the width.
using RowWidths = std::map<std::int64_t, std::vector<std::string>>;

RowWidths row_widths(const ModelSpec& spec) {
  RowWidths widths;
  for (const ParameterShape& one : parameter_shapes(spec)) {
    const SlotInfo& info = slot_info(one.id.slot);
    if (!info.of_layer() || info.kind != SlotKind::kLinear || one.id.bias) continue;
    if (info.slot == Slot::kRouter) continue;
    std::vector<std::string>& names = widths[one.shape[1]];
    if (std::find(names.begin(), names.end(), info.name) == names.end())
      names.emplace_back(info.name);
  }
  return widths;
}

at::Tensor empty_mask(const at::Tensor& scores) {
  TORCH_CHECK(scores.dim() == 2 && scores.scalar_type() == at::kFloat && scores.is_contiguous() &&
                  scores.device().is_cpu(),
              "scores must be a contiguous f32 matrix on the CPU");
  return at::empty(scores.sizes(), scores.options().dtype(at::kBool));
}

/// Calls row(scores, keep) for every row, in parallel.
template <typename Row>
at::Tensor mask_by_row(const at::Tensor& scores, const Row& row) {
  at::Tensor keep = empty_mask(scores);
  const std::int64_t columns = scores.size(1);
  const float* from = scores.const_data_ptr<float>();
  bool* to = keep.mutable_data_ptr<bool>();
  at::parallel_for(0, scores.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> work(static_cast<std::size_t>(columns));
    for (std::int64_t r = begin; r < end; ++r) row(from + r * columns, to + r * columns, work);
  });
  return keep;
}

}  // namespace

std::vector<ParamSpec> sparsity_params() {
  ParamSpec sparsity;
  sparsity.name = "sparsity";
  sparsity.default_value = kDefaultSparsity;
  sparsity.help = "Part of the weights of every pruned matrix that becomes zero";
  sparsity.min = 0;
  sparsity.max = 1;
  sparsity.max_open = true;
  ParamSpec pattern;
  pattern.name = "pattern";
  pattern.type = ParamType::kPattern;
  pattern.default_value = "unstructured";
  pattern.help = "'unstructured', or 'N:M' to prune N of every M consecutive weights of a row";
  return {sparsity, pattern};
}

SparsityTarget sparsity_target(const Params& params) {
  const std::string text = params.get_text("pattern");
  SparsityTarget target;
  target.ratio = params.get_real("sparsity");
  const std::string problem = pattern_contradiction(text, target.ratio, kDefaultSparsity);
  if (!problem.empty()) throw UserError(problem);
  target.pattern = *pattern_from_text(text);
  if (target.pattern.structured()) target.ratio = target.pattern.ratio();
  return target;
}

std::vector<std::string> unmet_sparsity(const ModelSpec& spec, const Params& params) {
  const std::string text = params.get_text("pattern");
  const std::string problem =
      pattern_contradiction(text, params.get_real("sparsity"), kDefaultSparsity);
  if (!problem.empty()) return {problem};
  std::vector<std::string> problems;
  const Pattern pattern = *pattern_from_text(text);
  for (const auto& [width, matrices] : row_widths(spec)) {
    if (!pattern.structured() || width % pattern.group == 0) continue;
    problems.push_back(
        fmt::format("pattern {}: the rows of {} have {} weights, a number that {} "
                    "does not divide",
                    text, fmt::join(matrices, ", "), width, pattern.group));
  }
  return problems;
}

void require_finite_scores(const at::Tensor& scores, const std::string& what) {
  if (std::isfinite(at::sum(scores, at::kDouble).item<double>())) return;
  throw UserError(what +
                  ": the scores hold NaN or infinity, so the weights or the activations on "
                  "the calibration text do; check the model");
}

float value_at_rank(std::vector<float>& values, std::int64_t index) {
  const auto at = values.begin() + index;
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

at::Tensor keep_per_row(const at::Tensor& scores, double ratio) {
  const std::int64_t columns = scores.size(1);
  const auto count = static_cast<std::int64_t>(static_cast<double>(columns) * ratio);
  if (count == 0) return at::ones_like(scores, scores.options().dtype(at::kBool));
  // Selection instead of a sort: everything below the count-th smallest goes, and of those equal
  // to it the first ones, which is what a stable sort would give.
  return mask_by_row(scores, [&](const float* row, bool* keep, std::vector<float>& work) {
    work.assign(row, row + columns);
    const float last = value_at_rank(work, count - 1);
    std::int64_t equal =
        count - std::count_if(row, row + columns, [&](float s) { return s < last; });
    for (std::int64_t c = 0; c < columns; ++c) {
      keep[c] = row[c] > last || (row[c] == last && equal-- <= 0);
    }
  });
}

at::Tensor keep_above_threshold(const at::Tensor& scores, double ratio) {
  if (ratio == 0 || scores.numel() == 0) return at::ones_like(empty_mask(scores)).fill_(true);
  const float* data = scores.const_data_ptr<float>();
  std::vector<float> work(data, data + scores.numel());
  const auto index = static_cast<std::int64_t>(static_cast<double>(scores.numel()) * ratio);
  return at::gt(scores, value_at_rank(work, index));
}

void prune_smallest(const float* scores, std::int64_t size, std::int64_t prune, bool* pruned) {
  std::fill(pruned, pruned + size, false);
  for (std::int64_t n = 0; n < prune; ++n) {
    std::int64_t smallest = -1;
    for (std::int64_t i = 0; i < size; ++i) {
      if (!pruned[i] && (smallest < 0 || scores[i] < scores[smallest])) smallest = i;
    }
    pruned[smallest] = true;
  }
}

void require_whole_groups(std::int64_t columns, const Pattern& pattern) {
  if (columns % pattern.group == 0) return;
  throw DoesNotApply(
      fmt::format("pattern {}:{}: a row has {} weights, a number that {} does not "
                  "divide",
                  pattern.prune, pattern.group, columns, pattern.group));
}

at::Tensor keep_n_of_m(const at::Tensor& scores, const Pattern& pattern) {
  const std::int64_t columns = scores.size(1);
  require_whole_groups(columns, pattern);
  return mask_by_row(scores, [&](const float* row, bool* keep, std::vector<float>&) {
    for (std::int64_t c = 0; c < columns; c += pattern.group) {
      prune_smallest(row + c, pattern.group, pattern.prune, keep + c);
    }
    std::transform(keep, keep + columns, keep, [](bool pruned) { return !pruned; });
  });
}

ParamSpec scope_param(Scope standard) {
  std::vector<std::string> choices = {"matrix", "row"};
  if (standard == Scope::kRow) std::swap(choices[0], choices[1]);
  return formerly(choice_param("scope", std::move(choices),
                               "Weights compete within their matrix or within their row"),
                  {}, {{"layer", "matrix"}, {"output", "row"}});
}

Scope scope_value(const Params& params) {
  return params.get_text("scope") == "row" ? Scope::kRow : Scope::kMatrix;
}

at::Tensor keep_by_target(const at::Tensor& scores, const SparsityTarget& target, Scope scope) {
  if (target.pattern.structured()) return keep_n_of_m(scores, target.pattern);
  return scope == Scope::kRow ? keep_per_row(scores, target.ratio)
                              : keep_above_threshold(scores, target.ratio);
}

}  // namespace assay
