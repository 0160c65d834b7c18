#include "methods/griffin/griffin_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/kv_cache.h"
#include "harness/model/prompted_rows.h"
#include "harness/model/slicing.h"

namespace assay::griffin {

/// What the block keeps of the sequences of a cache.
struct GriffinFfn::Sequences {
  std::vector<at::Tensor> sums;                        ///< squared_shares() of each prompt so far
  std::vector<at::Tensor> chosen;                      ///< int64 [count], from the first step on
  std::vector<std::unique_ptr<StandardFfn>> gathered;  ///< likewise
};

at::Tensor squared_shares(const at::Tensor& rows) {
  const at::Tensor squares = rows.to(at::kFloat).square();
  const at::Tensor total = squares.sum(1, true);
  return squares.div(at::where(total.gt(0), total, 1.0)).sum(0, false, at::kDouble);
}

at::Tensor largest(const at::Tensor& scores, std::int64_t count) {
  return std::get<0>(std::get<1>(scores.topk(count)).sort());
}

GriffinFfn::GriffinFfn(std::unique_ptr<StandardFfn> dense, std::int64_t count, at::Tensor fixed)
    : dense_(std::move(dense)), count_(count), fixed_(std::move(fixed)) {}

at::Tensor GriffinFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  if (step.phase == Phase::kScore) return scored(rows, step);
  if (step.sequence == nullptr) {
    throw DoesNotApply("griffin decodes after a prompt, and blocks that are run alone have none");
  }
  auto& sequences = step.sequence->of<Sequences>(this);
  const bool follows = step.phase == Phase::kDecode && !sequences.sums.empty();
  return follows ? decoded(rows, step, sequences) : prompted(rows, step, sequences);
}

std::int64_t GriffinFfn::neurons() const { return dense_->linear(Slot::kDown)->in_features(); }

at::Tensor GriffinFfn::chosen(const at::Tensor& sums) const {
  return fixed_.defined() ? fixed_ : largest(sums, count_);
}

at::Tensor GriffinFfn::scored(const at::Tensor& rows, StepContext& step) const {
  const at::Tensor hidden = dense_->middle(rows, step);
  at::Tensor kept = at::ones(hidden.sizes(), hidden.options().dtype(at::kBool));
  at::Tensor whole = at::ones({rows.size(0)}, rows.options().dtype(at::kFloat));
  for (const PromptedRows& part : prompted_rows(step)) {
    const at::Tensor used = chosen(squared_shares(hidden.index_select(0, part.prompt)));
    const at::Tensor mask = at::zeros({neurons()}, kept.options()).index_fill_(0, used, true);
    kept.index_copy_(0, part.following, mask.expand({part.following.size(0), neurons()}));
    whole.index_fill_(0, part.following, 0);
  }
  if (step.routing != nullptr) kept = step.routing->settle(step, RoutingSite::kNeurons, kept);
  tell(step, whole);
  const at::Tensor left = hidden.mul(kept);
  step.record(Tap::kDownInput, left);
  return dense_->linear(Slot::kDown)->forward(left);
}

at::Tensor GriffinFfn::prompted(const at::Tensor& rows, StepContext& step,
                                Sequences& sequences) const {
  const at::Tensor hidden = dense_->middle(rows, step);
  step.record(Tap::kDownInput, hidden);
  if (sequences.sums.empty()) sequences.sums.resize(static_cast<std::size_t>(step.batch));
  for (std::int64_t i = 0; i < step.batch; ++i) {
    at::Tensor& sums = sequences.sums[static_cast<std::size_t>(i)];
    const at::Tensor more = squared_shares(hidden.narrow(0, i * step.tokens, step.tokens));
    sums = sums.defined() ? sums.add(more) : more;
  }
  sequences.gathered.clear();
  const at::Tensor all = at::ones(hidden.sizes(), hidden.options().dtype(at::kBool));
  if (step.routing != nullptr) {
    static_cast<void>(step.routing->settle(step, RoutingSite::kNeurons, all));
  }
  tell(step, at::ones({rows.size(0)}, rows.options().dtype(at::kFloat)));
  return dense_->linear(Slot::kDown)->forward(hidden);
}

at::Tensor GriffinFfn::decoded(const at::Tensor& rows, StepContext& step,
                               Sequences& sequences) const {
  if (sequences.gathered.empty()) {
    sequences.chosen.clear();
    for (const at::Tensor& sums : sequences.sums) {
      sequences.chosen.push_back(chosen(sums));
      sequences.gathered.push_back(slice_neurons(*dense_, sequences.chosen.back()));
    }
  }
  tell(step, at::zeros({rows.size(0)}, rows.options().dtype(at::kFloat)));
  if (step.routing != nullptr) {
    std::vector<at::Tensor> masks;
    const auto options = rows.options().dtype(at::kBool);
    for (const at::Tensor& used : sequences.chosen) {
      masks.push_back(at::zeros({neurons()}, options).index_fill_(0, used, true));
    }
    const at::Tensor found = at::stack(masks);
    const at::Tensor wanted = step.routing->settle(step, RoutingSite::kNeurons, found);
    if (!wanted.equal(found)) {
      return dense_->linear(Slot::kDown)->forward(dense_->middle(rows, step).mul(wanted));
    }
  }
  if (step.batch == 1) return sequences.gathered.front()->forward(rows, step);
  std::vector<at::Tensor> outputs;
  for (std::int64_t i = 0; i < step.batch; ++i) {
    outputs.push_back(
        sequences.gathered[static_cast<std::size_t>(i)]->forward(rows.narrow(0, i, 1), step));
  }
  return at::cat(outputs);
}

void GriffinFfn::tell(const StepContext& step, const at::Tensor& whole) const {
  if (step.observer == nullptr) return;
  const Cost all = of_neurons(neurons()), part = of_neurons(count_);
  const double share = static_cast<double>(count_) / static_cast<double>(neurons());
  step.observer->observe(step.layer, kNeuronShare, whole.mul(1 - share).add(share));
  step.observer->observe(step.layer, kTouchedBytes,
                         whole.mul(static_cast<double>(all.touched_bytes - part.touched_bytes)));
  step.observer->observe(
      step.layer, kFlopsPerToken,
      whole.mul(static_cast<double>(all.flops_per_token - part.flops_per_token)));
}

/// Every tensor but down's bias has one row or column a neuron.
Cost GriffinFfn::of_neurons(std::int64_t count) const {
  const Cost all = dense_->cost();
  Cost shared;
  if (const auto* down = dynamic_cast<const DenseLinear*>(dense_->linear(Slot::kDown))) {
    shared = tensor_cost(down->bias());
    shared.flops_per_token = down->bias().defined() ? down->out_features() : 0;
  }
  const auto part = [&](std::int64_t whole, std::int64_t fixed) {
    return fixed + (whole - fixed) / neurons() * count;
  };
  Cost cost = all;
  cost.touched_bytes = part(all.touched_bytes, shared.touched_bytes);
  cost.flops_per_token = part(all.flops_per_token, shared.flops_per_token);
  return cost;
}

Cost GriffinFfn::cost() const {
  Cost cost = of_neurons(count_);
  Cost list = tensor_cost(fixed_);
  list.touched_bytes = 0;  // read once a sequence
  list.params = list.nonzero = 0;
  cost += list;
  return cost;
}

void GriffinFfn::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  if (dynamic_cast<const DenseLinear*>(block.get()) == nullptr) {
    throw DoesNotApply(
        "griffin gathers the neurons of dense matrices, and a method behind it would replace them; "
        "leave the feed-forward blocks out (blocks = 'attention'), or one of the two methods");
  }
  dense_->replace_linear(slot, std::move(block));
}

void GriffinFfn::visit_tensors(const VisitTensor& visit) {
  dense_->visit_tensors(visit);
  visit_if_defined(visit, "griffin.neurons", fixed_);
}

DenseForm GriffinFfn::dense_form() const {
  DenseForm form;
  form.impossible = "a block whose neurons each prompt chooses (GRIFFIN)";
  return form;
}

std::unique_ptr<Ffn> GriffinFfn::share() const {
  std::unique_ptr<Ffn> twin = dense_->share();
  return std::make_unique<GriffinFfn>(
      std::unique_ptr<StandardFfn>(static_cast<StandardFfn*>(twin.release())), count_, fixed_);
}

}  // namespace assay::griffin
