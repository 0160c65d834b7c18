#include "harness/contextual/routed_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/contextual/choice_quality.h"
#include "harness/contextual/late_keys.h"
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

/// What the chosen outputs of a layer are for one row; zeros for the others -> [1, out]
at::Tensor selected_outputs(const DenseLinear& linear, const at::Tensor& row,
                            const Selection& chosen) {
  const at::Tensor found = gathered_product(row.squeeze(0), linear.weight(), linear.bias(), chosen);
  const at::Tensor places = chosen_rows(chosen);
  at::Tensor all = at::zeros({linear.out_features()}, row.options());
  all.index_copy_(0, places.to(at::kLong),
                  found.narrow(0, 0, places.size(0)).to(row.scalar_type()));
  return all.unsqueeze(0);
}

}  // namespace

RoutedAttention::RoutedAttention(std::unique_ptr<StandardAttention> dense,
                                 std::unique_ptr<Chooser> chooser,
                                 std::unique_ptr<ContextReader> reader, const Routing& routing)
    : dense_(std::move(dense)),
      chooser_(std::move(chooser)),
      reader_(std::move(reader)),
      routing_(routing) {
  if (routing_.runs_all) routing_.missing = MissingKeys::kDense;
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
    streams_of(step, routing_.owner.get()).put({step.layer, RoutingSite::kHeads}, step.stream);
  }
  step.record(Tap::kQkvInput, rows);
  const bool alone = chooser_ && !chooser_->needs_values() && rows.size(0) == 1;
  if (routing_.runs_all || !alone || !gathers(step, rows)) return masked(rows, step);
  const at::Tensor masks = masks_for(rows, {}, step);
  const at::Tensor due = keys_due(step, masks, rows);
  tell(step, masks, due);
  return gathered(rows, masks, due, step);
}

at::Tensor RoutedAttention::masks_for(const at::Tensor& rows, const at::Tensor& values,
                                      const StepContext& step) const {
  const auto found = [&] { return chooser_->choose({rows, values}, step); };
  const at::Tensor masks =
      ruled(routing_, step, masks_by_source(routing_.source, this, step, heads(), found));
  return step.routing == nullptr ? masks : step.routing->settle(step, RoutingSite::kHeads, masks);
}

at::Tensor RoutedAttention::keys_due(const StepContext& step, const at::Tensor& masks,
                                     const at::Tensor& row) const {
  if (routing_.missing == MissingKeys::kDense) return {};
  const at::Tensor keyed = key_heads_of(dense_->shape(), masks);
  if (routing_.missing == MissingKeys::kAbsent) return keyed.to(at::kLong);
  if (step.phase == Phase::kPrefill) return at::ones_like(keyed, at::kLong);
  if (step.cache != nullptr) return step.sequence->of<LateKeys>(this).note(step, keyed, row);
  if (step.phase == Phase::kDecode) return keyed.to(at::kLong);
  return step.observer == nullptr ? at::Tensor() : rows_due_if_decoded(step, keyed);
}

at::Tensor RoutedAttention::masked(const at::Tensor& rows, StepContext& step) const {
  const at::Tensor qkv = dense_->rotate(dense_->project(rows), step);
  const AttentionHeads cached = dense_->store(qkv, step);
  if (routing_.missing == MissingKeys::kRecompute && step.cache != nullptr) {
    step.sequence->of<LateKeys>(this).finish(*dense_, step);
  }
  // Whoever looks at what all heads give is shown it over all keys.
  const bool absent = chooser_ && routing_.missing == MissingKeys::kAbsent;
  const bool whole = !absent || chooser_->needs_values() || step.observer != nullptr;
  const at::Tensor context = whole ? dense_->attend(qkv, cached, step) : at::Tensor();
  at::Tensor left = context;
  if (chooser_) {
    const at::Tensor masks = masks_for(rows, context, step);
    if (absent) left = attended(qkv, cached, masks, step);
    if (!routing_.runs_all) left = kept(left, masks);
    const at::Tensor run = routing_.runs_all ? at::ones_like(masks) : masks;
    tell(step, run, keys_due(step, run, at::Tensor()));
    tell_quality(step, context, masks);
  }
  if (reader_) reader_->read(left, step);
  step.record(Tap::kOutInput, left);
  return dense_->combine(left);
}

at::Tensor RoutedAttention::attended(const at::Tensor& qkv, const AttentionHeads& cached,
                                     const at::Tensor& masks, const StepContext& step) const {
  if (routing_.missing != MissingKeys::kAbsent) return dense_->attend(qkv, cached, step);
  const AttentionShape& shape = dense_->shape();
  const at::Tensor there = keys_there(this, step, key_heads_of(shape, masks), cached.keys.size(2));
  if (there.all().item<bool>()) return dense_->attend(qkv, cached, step);
  return attend_there(shape, cached, there, step);
}

at::Tensor RoutedAttention::kept(const at::Tensor& context, const at::Tensor& masks) const {
  return context.unflatten(1, {heads(), dense_->shape().head_dim})
      .mul(masks.unsqueeze(2))
      .flatten(1);
}

at::Tensor RoutedAttention::projected(const at::Tensor& row, const at::Tensor& mask,
                                      const at::Tensor& keyed) const {
  const auto chosen = [&](Slot slot, const at::Tensor& heads) {
    return selected_outputs(*dense_slot(*dense_, slot), row,
                            selection_of(heads.repeat_interleave(dense_->shape().head_dim)));
  };
  const at::Tensor query = chosen(Slot::kQ, mask);
  if (!keyed.defined() || keyed.all().item<bool>()) {
    return at::cat(
        {query, dense_->linear(Slot::kK)->forward(row), dense_->linear(Slot::kV)->forward(row)}, 1);
  }
  return at::cat({query, chosen(Slot::kK, keyed), chosen(Slot::kV, keyed)}, 1);
}

at::Tensor RoutedAttention::gathered(const at::Tensor& row, const at::Tensor& masks,
                                     const at::Tensor& due, StepContext& step) const {
  const at::Tensor mask = masks.select(0, 0);
  at::Tensor at_once, late;
  if (due.defined()) {
    // One row alone is the token's own, unless it is only computed because no more may wait.
    at_once = key_heads_of(dense_->shape(), masks).logical_and(due.eq(1)).select(0, 0);
    late = due.select(0, 0).mul(at_once.logical_not());
  }
  const at::Tensor qkv = dense_->rotate(projected(row, mask, at_once), step);
  const AttentionHeads cached = dense_->store(qkv, step);
  if (routing_.missing == MissingKeys::kRecompute && step.cache != nullptr) {
    step.sequence->of<LateKeys>(this).compute(*dense_, step, late.cpu());
  }
  const at::Tensor context = attended(qkv, cached, masks, step);
  if (reader_) reader_->read(kept(context, masks), step);
  const Selection chosen = selection_of(mask.repeat_interleave(dense_->shape().head_dim));
  const at::Tensor places = chosen_rows(chosen);
  at::Tensor coefficients = at::zeros({context.size(1)}, row.options().dtype(at::kFloat));
  coefficients.narrow(0, 0, places.size(0)).copy_(context.select(0, 0).index_select(0, places));
  return out().forward_selected(coefficients, chosen).unsqueeze(0).to(row.scalar_type());
}

void RoutedAttention::tell(const StepContext& step, const at::Tensor& masks,
                           const at::Tensor& due) const {
  if (step.observer == nullptr) return;
  const at::Tensor counts = masks.sum(1).to(at::kFloat);
  step.observer->observe(step.layer, kHeadShare, counts.div(static_cast<double>(heads())));
  const Cost one = of_a_head();
  at::Tensor bytes = counts.mul(static_cast<double>(one.touched_bytes));
  at::Tensor work = counts.mul(static_cast<double>(one.flops_per_token));
  if (due.defined()) {
    const Cost key = of_a_key_head();
    bytes.add_(due.gt(0).sum(1), static_cast<double>(key.touched_bytes));
    work.add_(due.sum(1), static_cast<double>(key.flops_per_token));
  }
  step.observer->observe(step.layer, kTouchedBytes, bytes);
  step.observer->observe(step.layer, kFlopsPerToken, work);
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

Cost RoutedAttention::of_a_key_head() const {
  Cost one = dense_->linear(Slot::kK)->cost();
  one += dense_->linear(Slot::kV)->cost();
  one.touched_bytes /= dense_->shape().kv_heads;
  one.flops_per_token /= dense_->shape().kv_heads;
  return one;
}

Cost RoutedAttention::cost() const {
  Cost cost = dense_->cost();
  if (reader_) cost += reader_->cost();
  if (!chooser_) return cost;
  const Cost one = of_a_head();
  cost.touched_bytes -= one.touched_bytes * heads();
  cost.flops_per_token -= one.flops_per_token * heads();
  if (routing_.missing != MissingKeys::kDense) {
    const Cost key = of_a_key_head();
    cost.touched_bytes -= key.touched_bytes * dense_->shape().kv_heads;
    cost.flops_per_token -= key.flops_per_token * dense_->shape().kv_heads;
  }
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
