#include "methods/teal/input_major.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"

namespace assay::teal {
namespace {

using Part = InputMajor::Part;

std::int64_t total_outputs(const std::vector<Part>& parts) {
  std::int64_t total = 0;
  for (const Part& part : parts) total += part.linear->out_features();
  return total;
}

/// Calls with each part and its first column.
template <typename Parts, typename Call>
void each_column(Parts& parts, Call call) {
  std::int64_t begin = 0;
  for (auto& part : parts) {
    call(part, begin);
    begin += part.linear->out_features();
  }
}

bool continues(const at::Tensor& tensor, const at::Tensor& first, std::int64_t begin) {
  return tensor.storage().data() == first.storage().data() &&
         tensor.storage_offset() == first.storage_offset() + begin;
}

/// [in, out], when the weights are its columns already; else undefined.
at::Tensor found_weight(const std::vector<Part>& parts) {
  const at::Tensor& first = parts.front().linear->weight();
  const std::int64_t outputs = total_outputs(parts), inputs = first.size(1);
  bool lie = true;
  each_column(parts, [&](const Part& part, std::int64_t begin) {
    const at::Tensor& weight = part.linear->weight();
    lie = lie && continues(weight, first, begin) && weight.stride(0) == 1 &&
          weight.stride(1) == outputs;
  });
  if (!lie) return {};
  return at::as_strided(first.detach(), {inputs, outputs}, {outputs, 1}, first.storage_offset());
}

/// [out], when the biases are its slices already; else undefined.
at::Tensor found_bias(const std::vector<Part>& parts) {
  const at::Tensor& first = parts.front().linear->bias();
  bool lie = first.defined();
  each_column(parts, [&](const Part& part, std::int64_t begin) {
    const at::Tensor& bias = part.linear->bias();
    lie = lie && bias.defined() && bias.is_contiguous() && continues(bias, first, begin);
  });
  if (!lie) return {};
  return at::as_strided(first.detach(), {total_outputs(parts)}, {1}, first.storage_offset());
}

/// New memory that holds the weights input-major.
at::Tensor laid_weight(const std::vector<Part>& parts) {
  const at::Tensor& first = parts.front().linear->weight();
  const at::Tensor whole =
      empty_on_large_pages({first.size(1), total_outputs(parts)}, first.options());
  each_column(parts, [&](const Part& part, std::int64_t begin) {
    whole.narrow(1, begin, part.linear->out_features()).copy_(part.linear->weight().t());
  });
  return whole;
}

at::Tensor laid_bias(const std::vector<Part>& parts) {
  std::vector<at::Tensor> biases;
  for (const Part& part : parts) biases.push_back(part.linear->bias());
  return at::cat(biases);
}

}  // namespace

InputMajor::InputMajor(std::vector<Part> parts) : parts_(std::move(parts)) { lay_out(); }

InputMajor::InputMajor(const InputMajor& other) : weight_(other.weight_), bias_(other.bias_) {
  for (const Part& part : other.parts_) {
    parts_.push_back({part.slot, std::make_unique<DenseLinear>(*part.linear)});
  }
}

void InputMajor::give_biases_to_all() {
  for (Part& part : parts_) {
    if (part.linear->bias().defined()) continue;
    const at::Tensor& weight = part.linear->weight();
    part.linear =
        std::make_unique<DenseLinear>(weight, at::zeros({weight.size(0)}, weight.options()));
  }
}

void InputMajor::lay_out() {
  const bool biased = std::any_of(parts_.begin(), parts_.end(),
                                  [](const Part& part) { return part.linear->bias().defined(); });
  if (biased) give_biases_to_all();
  const at::Tensor weight = found_weight(parts_);
  const at::Tensor bias = biased ? found_bias(parts_) : at::Tensor();
  const bool lie = weight.defined() && bias.defined() == biased;
  weight_ = lie ? weight : laid_weight(parts_);
  bias_ = lie || !biased ? bias : laid_bias(parts_);
  if (lie) return;
  each_column(parts_, [&](Part& part, std::int64_t begin) {
    const std::int64_t outputs = part.linear->out_features();
    part.linear =
        std::make_unique<DenseLinear>(weight_.narrow(1, begin, outputs).t(),
                                      biased ? bias_.narrow(0, begin, outputs) : at::Tensor());
  });
}

bool InputMajor::is_trained() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    const at::Tensor& bias = part.linear->bias();
    return part.linear->weight().requires_grad() || (bias.defined() && bias.requires_grad());
  });
}

at::Tensor InputMajor::product(const at::Tensor& rows) const {
  if (!is_trained()) return dense_product(rows, weight_.t(), bias_);
  std::vector<at::Tensor> products;
  for (const Part& part : parts_) products.push_back(part.linear->forward(rows));
  return at::cat(products, 1);
}

at::Tensor InputMajor::gathered(const at::Tensor& values, const Selection& selection) const {
  const auto options = values.options().dtype(at::kFloat);
  at::Tensor sums = at::empty({outputs()}, options);
  bias_.defined() ? sums.copy_(bias_) : sums.zero_();
  gathered_accumulate(values, weight_, selection, sums);
  return sums;
}

std::int64_t InputMajor::bytes_of_an_input() const {
  return outputs() * static_cast<std::int64_t>(weight_.element_size());
}

Linear* InputMajor::linear(Slot slot) const {
  for (const Part& part : parts_) {
    if (part.slot == slot) return part.linear.get();
  }
  return nullptr;
}

void InputMajor::replace(Slot slot, std::unique_ptr<Linear> block) {
  const auto* dense = dynamic_cast<const DenseLinear*>(block.get());
  if (dense == nullptr) {
    throw DoesNotApply(
        "teal gathers rows of dense matrices, and a method behind it would replace them; leave "
        "these blocks out ('blocks' of either method), or one of the two methods");
  }
  for (Part& part : parts_) {
    if (part.slot != slot) continue;
    part.linear = std::make_unique<DenseLinear>(*dense);
    return lay_out();
  }
  throw std::logic_error(std::string("this block has no slot '") + slot_name(slot) + "'");
}

void InputMajor::visit_tensors(const VisitTensor& visit) {
  for (Part& part : parts_) {
    part.linear->visit_tensors(visit_part(visit, std::string(slot_name(part.slot)) + "."));
  }
  // The visitor may have put others in their place. Those that train stay each by itself: a copy of
  // them would be none of what is trained.
  if (!is_trained()) lay_out();
}

Cost InputMajor::cost() const {
  Cost cost;
  for (const Part& part : parts_) cost += part.linear->cost();
  cost.touched_bytes = tensor_cost(bias_).touched_bytes;
  cost.flops_per_token = bias_.defined() ? outputs() : 0;
  return cost;
}

}  // namespace assay::teal
