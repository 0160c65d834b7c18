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

at::Tensor part_of(const DenseForm& form, const char* name) {
  const auto found = form.tensors.find(name);
  return found == form.tensors.end() ? at::Tensor() : found->second.to(at::kFloat);
}

at::Tensor weight_of(const std::unique_ptr<Linear>& linear) {
  return part_of(linear->dense_form(), "weight");
}

at::Tensor bias_of(const std::unique_ptr<Linear>& linear) {
  return part_of(linear->dense_form(), "bias");
}

/// Undefined unless all are there.
at::Tensor joined(const std::vector<at::Tensor>& parts, std::int64_t dimension) {
  return parts.front().defined() ? at::cat(parts, dimension) : at::Tensor();
}

void put(DenseForm& form, const char* name, const at::Tensor& tensor) {
  if (tensor.defined()) form.tensors[name] = tensor;
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

std::int64_t SplitFfn::Piece::neurons() const {
  return up.after ? up.after->out_features() : up.width;
}

DenseLinear SplitFfn::entered(const Entry& entry) const {
  if (entry.width == 0) return {weight_of(entry.after), bias_of(entry.after)};
  const at::Tensor columns = weight_of(first_).narrow(0, entry.offset, entry.width);
  if (!entry.after) return {columns, entry.bias.defined() ? entry.bias.to(at::kFloat) : entry.bias};
  return {weight_of(entry.after).mm(columns), bias_of(entry.after)};
}

at::Tensor SplitFfn::left(const Piece& piece, std::int64_t& column) const {
  if (piece.down.own) return weight_of(piece.down.own);
  const std::int64_t width =
      piece.down.before ? piece.down.before->out_features() : piece.neurons();
  const at::Tensor columns =
      weight_of(last_).narrow(1, std::exchange(column, column + width), width);
  return piece.down.before ? columns.mm(weight_of(piece.down.before)) : columns;
}

DenseForm SplitFfn::dense_form() const {
  std::vector<at::Tensor> gates, gate_biases, ups, up_biases, downs;
  at::Tensor down_bias = last_ ? bias_of(last_) : at::Tensor();
  std::int64_t column = 0;
  for (const Piece& piece : pieces_) {
    if (piece.gate) {
      const DenseLinear gate = entered(*piece.gate);
      gates.push_back(gate.weight());
      gate_biases.push_back(gate.bias());
    }
    const DenseLinear up = entered(piece.up);
    ups.push_back(up.weight());
    up_biases.push_back(up.bias());
    downs.push_back(left(piece, column));
    if (piece.down.own && !down_bias.defined()) down_bias = bias_of(piece.down.own);
  }
  DenseForm form;
  form.activation = activation_;
  if (!gates.empty()) {
    put(form, "gate.weight", joined(gates, 0));
    put(form, "gate.bias", joined(gate_biases, 0));
  }
  put(form, "up.weight", joined(ups, 0));
  put(form, "up.bias", joined(up_biases, 0));
  put(form, "down.weight", joined(downs, 1));
  put(form, "down.bias", down_bias);
  form.remarks.insert(
      "feed-forward blocks in two parts (FFSplit), joined again: low-rank factors multiplied out, "
      "packed weights dequantised, neurons ordered by parts");
  return form;
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
