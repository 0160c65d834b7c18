#include "methods/ffsplit/split_ffn.h"

#include <ATen/ops/cat.h>

#include <stdexcept>
#include <utility>

#include "harness/compress/packed_linear.h"
#include "harness/model/cost.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/standard_ffn.h"

namespace assay::ffsplit {
namespace {

std::unique_ptr<Linear> shared(const std::unique_ptr<Linear>& linear) {
  return linear ? linear->share() : nullptr;
}

void visit_if_there(const VisitTensor& visit, const std::string& name,
                    const std::unique_ptr<Linear>& linear) {
  if (linear) linear->visit_tensors(visit_part(visit, name + "."));
}

std::unique_ptr<Linear> dense(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<DenseLinear>(copy_on_large_pages(weight), bias);
}

/// Null for an empty list.
std::unique_ptr<Linear> fused(const std::vector<at::Tensor>& weights, std::int64_t dimension,
                              const at::Tensor& bias) {
  return weights.empty() ? nullptr : dense(at::cat(weights, dimension), bias);
}

}  // namespace

SplitFfn::SplitFfn(ActivationKind activation, std::vector<Part> parts, const at::Tensor& down_bias)
    : activation_(activation) {
  std::vector<at::Tensor> reading, writing;
  std::int64_t columns = 0;
  const auto enter_by = [&](const Matrix& matrix, const at::Tensor& bias) {
    if (const auto* packed = std::get_if<PackedMatrix>(&matrix)) {
      return Entry{0, 0, std::make_unique<PackedLinear>(*packed, bias), {}};
    }
    const auto* factors = std::get_if<LowRank>(&matrix);
    reading.push_back(factors != nullptr ? factors->right : std::get<at::Tensor>(matrix));
    Entry entry{columns, reading.back().size(0), nullptr, {}};
    columns += entry.width;
    factors != nullptr ? static_cast<void>(entry.after = dense(factors->left, bias))
                       : static_cast<void>(entry.bias = bias);
    return entry;
  };
  for (const Part& part : parts) {
    Piece piece;
    if (part.gate) piece.gate = enter_by(*part.gate, part.gate_bias);
    piece.up = enter_by(part.up, part.up_bias);
    if (const auto* whole = std::get_if<at::Tensor>(&part.down)) {
      writing.push_back(*whole);
    } else if (const auto* factors = std::get_if<LowRank>(&part.down)) {
      writing.push_back(factors->left);
      piece.down.before = dense(factors->right, {});
    }
    pieces_.push_back(std::move(piece));
  }
  first_ = fused(reading, 0, {});
  last_ = fused(writing, 1, down_bias);
  at::Tensor bias_left = last_ ? at::Tensor() : down_bias;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (const auto* packed = std::get_if<PackedMatrix>(&parts[i].down)) {
      pieces_[i].down.own =
          std::make_unique<PackedLinear>(*packed, std::exchange(bias_left, at::Tensor()));
    }
  }
}

at::Tensor SplitFfn::enter(const Entry& entry, const at::Tensor& rows, const at::Tensor& fused) {
  if (entry.width == 0) return entry.after->forward(rows);
  at::Tensor columns = fused.narrow(1, entry.offset, entry.width).contiguous();
  if (entry.after) return entry.after->forward(columns);
  return entry.bias.defined() ? columns.add_(entry.bias) : columns;
}

at::Tensor SplitFfn::hidden(const Piece& piece, const at::Tensor& rows,
                            const at::Tensor& fused) const {
  at::Tensor up = enter(piece.up, rows, fused);
  if (!piece.gate) {
    return activate(std::move(up), activation_);
  }
  return activate(enter(*piece.gate, rows, fused), activation_).mul_(up);
}

at::Tensor SplitFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  const at::Tensor fused = first_ ? first_->forward(rows) : at::Tensor();
  std::vector<at::Tensor> into_last;
  at::Tensor sum;
  for (const Piece& piece : pieces_) {
    const at::Tensor active = hidden(piece, rows, fused);
    if (piece.down.own) {
      const at::Tensor part = piece.down.own->forward(active);
      sum = sum.defined() ? sum.add_(part) : part;
    } else {
      into_last.push_back(piece.down.before ? piece.down.before->forward(active) : active);
    }
  }
  if (!last_) return sum;
  const at::Tensor out =
      last_->forward(into_last.size() == 1 ? into_last.front() : at::cat(into_last, 1));
  return sum.defined() ? sum.add_(out) : out;
}

void SplitFfn::replace_linear(Slot slot, std::unique_ptr<Linear>) {
  throw std::logic_error(std::string("a split FFN has no slot '") + slot_name(slot) + "'");
}

Cost SplitFfn::cost() const {
  Cost cost;
  const auto add = [&](const std::unique_ptr<Linear>& linear) {
    if (linear) cost += linear->cost();
  };
  const auto add_entry = [&](const Entry& entry) {
    add(entry.after);
    cost += tensor_cost(entry.bias);
    if (entry.bias.defined()) cost.flops_per_token += entry.bias.numel();
  };
  add(first_);
  add(last_);
  for (const Piece& piece : pieces_) {
    if (piece.gate) add_entry(*piece.gate);
    add_entry(piece.up);
    add(piece.down.before);
    add(piece.down.own);
  }
  return cost;
}

void SplitFfn::visit_tensors(const VisitTensor& visit) {
  visit_if_there(visit, "split.first", first_);
  visit_if_there(visit, "split.last", last_);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const std::string name = "split." + std::to_string(i);
    const auto visit_entry = [&](const std::string& part, Entry& entry) {
      visit_if_there(visit, name + part, entry.after);
      visit_if_defined(visit, name + part + ".bias", entry.bias);
    };
    if (pieces_[i].gate) visit_entry(".gate", *pieces_[i].gate);
    visit_entry(".up", pieces_[i].up);
    visit_if_there(visit, name + ".down.before", pieces_[i].down.before);
    visit_if_there(visit, name + ".down", pieces_[i].down.own);
  }
}

SplitFfn::Entry SplitFfn::share(const Entry& entry) {
  return {entry.offset, entry.width, shared(entry.after), entry.bias};
}

std::unique_ptr<Ffn> SplitFfn::share() const {
  auto twin = std::unique_ptr<SplitFfn>(new SplitFfn());
  twin->activation_ = activation_;
  for (const Piece& piece : pieces_) {
    Piece other{piece.gate ? std::optional<Entry>(share(*piece.gate)) : std::nullopt,
                share(piece.up),
                {shared(piece.down.before), shared(piece.down.own)}};
    twin->pieces_.push_back(std::move(other));
  }
  twin->first_ = shared(first_);
  twin->last_ = shared(last_);
  return twin;
}

}  // namespace assay::ffsplit
