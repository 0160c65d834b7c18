#include "harness/model/mixture_ffn.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace assay {
namespace {

std::string expert_prefix(std::size_t number) { return fmt::format("expert.{}.", number); }
std::string router_prefix() { return std::string(slot_name(Slot::kRouter)) + "."; }

}  // namespace

MixtureFfn::MixtureFfn(const RouterForm& form, DenseLinear router,
                       std::vector<std::unique_ptr<StandardFfn>> experts)
    : form_(form), router_(std::make_unique<DenseLinear>(std::move(router))) {
  for (auto& expert : experts) experts_.push_back(std::move(expert));
}

MixtureFfn::Taken MixtureFfn::taken(const at::Tensor& rows, const StepContext& step) const {
  const at::Tensor chances = at::softmax(router_->forward(rows), 1, at::kFloat);
  const at::Tensor best = std::get<1>(at::topk(chances.detach(), form_.experts_per_token, 1));
  at::Tensor mask = at::zeros(chances.sizes(), rows.options().dtype(at::kBool));
  mask.scatter_(1, best, true);
  if (step.routing != nullptr) mask = step.routing->settle(step, RoutingSite::kExperts, mask);
  at::Tensor shares = chances.mul(mask);
  if (form_.normed) shares = shares.div(shares.sum(1, true));
  return {mask, form_.rounded ? shares.to(rows.scalar_type()) : shares};
}

at::Tensor MixtureFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  const auto [mask, shares] = taken(rows, step);
  const at::Tensor places = mask.t().nonzero();  // expert by expert
  const at::Tensor counts = mask.sum(0).cpu();
  at::Tensor sum = at::zeros(rows.sizes(), rows.options().dtype(at::kFloat));
  std::int64_t begin = 0;
  for (std::int64_t number = 0; number < experts(); ++number) {
    const std::int64_t count = counts.const_data_ptr<std::int64_t>()[number];
    if (count == 0 && step.recorder == nullptr) continue;
    const at::Tensor own = places.narrow(0, begin, count).select(1, 1);
    begin += count;
    step.expert = number;
    const at::Tensor given =
        experts_[static_cast<std::size_t>(number)]->forward(rows.index_select(0, own), step);
    const at::Tensor share = shares.select(1, number).index_select(0, own).unsqueeze(1);
    sum.index_add_(0, own, given.mul(share).to(at::kFloat));
  }
  step.expert = -1;
  return sum.to(rows.scalar_type());
}

Linear* MixtureFfn::linear(Slot slot) const {
  return slot == Slot::kRouter ? router_.get() : nullptr;
}

void MixtureFfn::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  if (slot != Slot::kRouter) {
    throw std::logic_error(std::string("a mixture of experts has no slot '") + slot_name(slot) +
                           "' of its own");
  }
  router_ = std::move(block);
}

Ffn* MixtureFfn::expert(std::int64_t number) const {
  return number < 0 || number >= experts() ? nullptr
                                           : experts_[static_cast<std::size_t>(number)].get();
}

void MixtureFfn::visit_tensors(const VisitTensor& visit) {
  router_->visit_tensors(visit_part(visit, router_prefix()));
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    experts_[i]->visit_tensors(visit_part(visit, expert_prefix(i)));
  }
}

Cost MixtureFfn::cost() const {
  Cost all;
  for (const auto& expert : experts_) all += expert->cost();
  const auto of_token = [&](std::int64_t sum) { return sum * form_.experts_per_token / experts(); };
  all.touched_bytes = of_token(all.touched_bytes);
  all.flops_per_token = of_token(all.flops_per_token);
  all += router_->cost();
  return all;
}

DenseForm MixtureFfn::dense_form() const {
  DenseForm form;
  form.add(router_prefix(), router_->dense_form());
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    const DenseForm expert = experts_[i]->dense_form();
    form.add(expert_prefix(i), expert);
    if (i == 0) form.activation = expert.activation;
    if (form.activation != expert.activation) form.impossible = "one of experts of two kinds";
  }
  return form;
}

std::unique_ptr<Ffn> MixtureFfn::share() const {
  auto twin = std::unique_ptr<MixtureFfn>(new MixtureFfn());
  twin->form_ = form_;
  twin->router_ = router_->share();
  for (const auto& expert : experts_) twin->experts_.push_back(expert->share());
  return twin;
}

void MixtureFfn::fuse() {
  for (const auto& expert : experts_) expert->fuse();
}

}  // namespace assay
