#include "harness/contextual/routing.h"

#include <stdexcept>

#include "harness/contextual/named_choice.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/highest.h"

namespace assay {
namespace {

at::Tensor together(BatchRule rule, const at::Tensor& masks) {
  if (rule == BatchRule::kEach || masks.size(0) == 1) return masks;
  if (rule == BatchRule::kUnion) return masks.any(0, /*keepdim=*/true).expand_as(masks);
  const auto most = masks.sum(1).max().item<std::int64_t>();
  const at::Tensor votes = masks.sum(0, /*keepdim=*/true).to(at::kFloat);
  return highest(votes, most).expand_as(masks);
}

}  // namespace

const std::vector<std::string>& batch_rule_names() {
  static const std::vector<std::string> names{"each", "union", "votes"};
  return names;
}

BatchRule batch_rule_from_name(const std::string& name) {
  return named_choice<BatchRule>(batch_rule_names(), name);
}

const char* site_name(RoutingSite site) {
  if (site == RoutingSite::kHeads) return "heads";
  if (site == RoutingSite::kNeurons) return "neurons";
  throw std::logic_error("no heads or neurons are chosen at this site");
}

at::Tensor ruled(const Routing& routing, const StepContext& step, const at::Tensor& masks) {
  const at::Tensor run = step.phase == Phase::kDecode ? together(routing.batch, masks) : masks;
  if (routing.dense_above >= 1) return run;
  const at::Tensor share = run.to(at::kFloat).mean(1, /*keepdim=*/true);
  return run.logical_or(share.gt(routing.dense_above));
}

bool gathers(const StepContext& step, const at::Tensor& rows) {
  constexpr std::int64_t kMostRows = 8;
  return step.phase == Phase::kDecode && rows.size(0) <= kMostRows && !needs_gradient(rows);
}

}  // namespace assay
