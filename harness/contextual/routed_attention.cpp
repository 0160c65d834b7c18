#include "harness/contextual/routed_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/contextual/choice_quality.h"
#include "harness/model/kernels/gathered.h"
#include "harness/model/kernels/highest.h"
#include "harness/model/kv_cache.h"

namespace assay {
namespace {

const DenseLinear* dense_slot(const StandardAttention& attention, Slot slot) {
  return dynamic_cast<const DenseLinear*>(attention.linear(slot));
}

/// int32 [count]
at::Tensor chosen_rows(const Selection& selection) {
  return selection.indices.narrow(0, 0, selection.count.item<std::int32_t>());
}

}  // namespace

RoutedAttention::RoutedAttention(std::unique_ptr<StandardAttention> dense,
                                 std::unique_ptr<Chooser> chooser,
                                 std::unique_ptr<ContextReader> reader, const Routing& routing)
    : dense_(std::move(dense)),
      chooser_(std::move(chooser)),
      reader_(std::move(reader)),
      routing_(routing) {
  if (!chooser_ || routing_.runs_all) return;
  if (const auto* out = dense_slot(*dense_, Slot::kO)) {
    dense_->replace_linear(Slot::kO, std::make_unique<InputMajorLinear>(*out));
  }
}

const InputMajorLinear& RoutedAttention::out() const {
  return static_cast<const InputMajorLinear&>(*dense_->linear(Slot::kO));
}

at::Tensor RoutedAttention::forward(const at::Tensor& rows, StepContext& step) const {
  if (routing_.keeps_streams && step.state != nullptr && step.stream.defined()) {
    streams_of(step, routing_.owner.get()).put(step.layer, RoutingSite::kHeads, step.stream);
  }
  step.record(Tap::kQkvInput, rows);
  const bool alone = chooser_ && !chooser_->needs_values() && rows.size(0) == 1;
  if (routing_.runs_all || !alone || !gathers(step, rows)) return masked(rows, step);
  const at::Tensor masks = masks_for(rows, {}, step);
  tell(step, masks);
  return gathered(rows, masks.select(0, 0), step);
}

at::Tensor RoutedAttention::masks_for(const at::Tensor& rows, const at::Tensor& values,
                                      const StepContext& step) const {
  const auto found = [&] { return chooser_->choose({rows, values}, step); };
  const at::Tensor masks =
      ruled(routing_, step, masks_by_source(routing_.source, this, step, heads(), found));
  return step.routing == nullptr ? masks : step.routing->settle(step, RoutingSite::kHeads, masks);
}

at::Tensor RoutedAttention::masked(const at::Tensor& rows, StepContext& step) const {
  const at::Tensor qkv = dense_->rotate(dense_->project(rows), step);
  const at::Tensor context = dense_->attend(qkv, dense_->store(qkv, step), step);
  at::Tensor left = context;
  if (chooser_) {
    const at::Tensor masks = masks_for(rows, context, step);
    left = routing_.runs_all ? context : kept(context, masks);
    tell(step, routing_.runs_all ? at::ones_like(masks) : masks);
    tell_quality(step, context, masks);
  }
  if (reader_) reader_->read(left, step);
  step.record(Tap::kOutInput, left);
  return dense_->combine(left);
}

at::Tensor RoutedAttention::kept(const at::Tensor& context, const at::Tensor& masks) const {
  return context.unflatten(1, {heads(), dense_->shape().head_dim})
      .mul(masks.unsqueeze(2))
      .flatten(1);
}

at::Tensor RoutedAttention::projected(const at::Tensor& row, const Selection& rows_of_q) const {
  const DenseLinear& q = *dense_slot(*dense_, Slot::kQ);
  const at::Tensor found = gathered_product(row.squeeze(0), q.weight(), q.bias(), rows_of_q);
  const at::Tensor chosen = chosen_rows(rows_of_q);
  at::Tensor query = at::zeros({q.out_features()}, row.options());
  query.index_copy_(0, chosen.to(at::kLong),
                    found.narrow(0, 0, chosen.size(0)).to(row.scalar_type()));
  return at::cat({query.unsqueeze(0), dense_->linear(Slot::kK)->forward(row),
                  dense_->linear(Slot::kV)->forward(row)},
                 1);
}

at::Tensor RoutedAttention::gathered(const at::Tensor& row, const at::Tensor& mask,
                                     StepContext& step) const {
  const Selection chosen = selection_of(mask.repeat_interleave(dense_->shape().head_dim));
  const at::Tensor qkv = dense_->rotate(projected(row, chosen), step);
  const at::Tensor context = dense_->attend(qkv, dense_->store(qkv, step), step);
  if (reader_) reader_->read(kept(context, mask.unsqueeze(0)), step);
  const at::Tensor places = chosen_rows(chosen);
  at::Tensor coefficients = at::zeros({context.size(1)}, row.options().dtype(at::kFloat));
  coefficients.narrow(0, 0, places.size(0)).copy_(context.select(0, 0).index_select(0, places));
  return out().forward_selected(coefficients, chosen).unsqueeze(0).to(row.scalar_type());
}

void RoutedAttention::tell(const StepContext& step, const at::Tensor& masks) const {
  if (step.observer == nullptr) return;
  const at::Tensor counts = masks.sum(1).to(at::kFloat);
  const Cost one = of_a_head();
  step.observer->observe(step.layer, kHeadShare, counts.div(static_cast<double>(heads())));
  step.observer->observe(step.layer, kTouchedBytes,
                         counts.mul(static_cast<double>(one.touched_bytes)));
  step.observer->observe(step.layer, kFlopsPerToken,
                         counts.mul(static_cast<double>(one.flops_per_token)));
}

void RoutedAttention::tell_quality(const StepContext& step, const at::Tensor& context,
                                   const at::Tensor& masks) const {
  if (step.observer == nullptr || routing_.runs_all) return;
  const at::Tensor by_head = context.unflatten(1, {heads(), dense_->shape().head_dim});
  const at::Tensor sizes = at::linalg_vector_norm(by_head.to(at::kFloat), 2, at::IntArrayRef{2});
  const at::Tensor largest = largest_as_many(sizes, masks);
  step.observer->observe(step.layer, kHeadRecall, choice_quality(largest, masks).recall);
}

/// Its rows of q and of o.
Cost RoutedAttention::of_a_head() const {
  Cost one = dense_->linear(Slot::kQ)->cost();
  const at::Tensor o = routing_.runs_all ? dense_slot(*dense_, Slot::kO)->weight() : out().weight();
  one += tensor_cost(o);
  one.touched_bytes /= heads();
  one.flops_per_token = (one.flops_per_token + 2 * o.numel()) / heads();
  return one;
}

Cost RoutedAttention::cost() const {
  Cost cost = dense_->cost();
  if (reader_) cost += reader_->cost();
  if (!chooser_) return cost;
  const Cost one = of_a_head();
  cost.touched_bytes -= one.touched_bytes * heads();
  cost.flops_per_token -= one.flops_per_token * heads();
  cost += chooser_->cost();
  return cost;
}

Linear* RoutedAttention::linear(Slot slot) const { return dense_->linear(slot); }

void RoutedAttention::replace_linear(Slot, std::unique_ptr<Linear>) {
  throw DoesNotApply(
      "the heads of this block are chosen token by token from dense matrices, and a method behind "
      "would replace them; apply that one first, or leave one of the two out");
}

void RoutedAttention::visit_tensors(const VisitTensor& visit) {
  dense_->visit_tensors(visit);
  if (reader_) reader_->visit_tensors(visit_part(visit, "reader."));
  if (chooser_) chooser_->visit_tensors(visit_part(visit, "chooser."));
}

DenseForm RoutedAttention::dense_form() const {
  if (!chooser_) return dense_->dense_form();
  DenseForm form;
  form.impossible = "a block whose heads are chosen for each token";
  return form;
}

std::unique_ptr<Attention> RoutedAttention::share() const {
  std::unique_ptr<Attention> twin = dense_->share();
  std::unique_ptr<StandardAttention> dense(static_cast<StandardAttention*>(twin.release()));
  return std::make_unique<RoutedAttention>(std::move(dense), chooser_ ? chooser_->share() : nullptr,
                                           reader_ ? reader_->share() : nullptr, routing_);
}

}  // namespace assay
