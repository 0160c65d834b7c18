#include "harness/contextual/choice_quality.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "harness/contextual/chooser.h"
#include "harness/model/kernels/highest.h"

namespace assay {
namespace {

/// Rows that ran different numbers.
at::Tensor largest_of_each(const at::Tensor& sizes, const at::Tensor& counts) {
  const at::Tensor order = sizes.argsort(1, /*descending=*/true);
  const at::Tensor places = at::arange(sizes.size(1), counts.options()).expand_as(sizes);
  return at::zeros_like(sizes, sizes.options().dtype(at::kBool))
      .scatter(1, order, places.lt(counts.unsqueeze(1)));
}

/// part / whole, and 1 where the whole is 0.
at::Tensor share(const at::Tensor& part, const at::Tensor& whole) {
  const at::Tensor of = whole.to(at::kFloat);
  return at::where(of.gt(0), part.to(at::kFloat).div(of.clamp_min(1)), at::ones_like(of));
}

}  // namespace

at::Tensor largest_as_many(const at::Tensor& sizes, const at::Tensor& masks) {
  const at::Tensor counts = masks.sum(1);
  const auto least = counts.min().item<std::int64_t>();
  if (least == counts.max().item<std::int64_t>()) return highest(sizes, least);
  return largest_of_each(sizes, counts);
}

ChoiceQuality choice_quality(const at::Tensor& mattered, const at::Tensor& masks) {
  const at::Tensor hits = mattered.logical_and(masks).sum(1);
  return {share(hits, mattered.sum(1)), share(hits, masks.sum(1))};
}

}  // namespace assay
