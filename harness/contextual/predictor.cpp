#include "harness/contextual/predictor.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/relu.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/compress/packed_linear.h"
#include "harness/compress/quantize.h"
#include "harness/contextual/scaling.h"
#include "harness/model/dense_linear.h"

namespace assay {
namespace {

/// Rows as the layer multiplies them.
at::Tensor as_read_by(const Linear& layer, const at::Tensor& rows) {
  const auto* dense = dynamic_cast<const DenseLinear*>(&layer);
  return rows.to(dense != nullptr ? dense->weight().scalar_type() : at::kFloat).contiguous();
}

void require_sizes(const Linear& layer, std::int64_t in, std::int64_t out, const char* name) {
  if (layer.in_features() == in && layer.out_features() == out) return;
  throw std::logic_error(
      fmt::format("the {} layer of a predictor is {} x {}; its form says {} x {}", name,
                  layer.out_features(), layer.in_features(), out, in));
}

/// Of the numbers that torch.nn.Linear draws: those of kaiming_uniform_(a = sqrt(5)), with the same
/// roundings.
double weight_bound(std::int64_t inputs) {
  const double slope = std::sqrt(5.0);
  const double gain = std::sqrt(2.0 / (1 + slope * slope));
  return std::sqrt(3.0) * (gain / std::sqrt(static_cast<double>(inputs)));
}

std::unique_ptr<Linear> fresh_linear(std::int64_t in, std::int64_t out, bool bias,
                                     const at::Generator& generator, at::Device device) {
  const auto options = at::TensorOptions(at::kFloat);
  const double edge = weight_bound(in), bias_edge = 1 / std::sqrt(static_cast<double>(in));
  const at::Tensor weight = at::empty({out, in}, options).uniform_(-edge, edge, generator);
  at::Tensor biases;
  if (bias)
    biases = at::empty({out}, options).uniform_(-bias_edge, bias_edge, generator).to(device);
  return std::make_unique<DenseLinear>(weight.to(device), biases);
}

const DenseLinear& dense_fp32(const Linear& layer) {
  const auto* dense = dynamic_cast<const DenseLinear*>(&layer);
  if (dense == nullptr || dense->weight().scalar_type() != at::kFloat) {
    throw std::logic_error("only a dense fp32 predictor can be stored otherwise");
  }
  return *dense;
}

std::unique_ptr<Linear> converted(const DenseLinear& layer, at::ScalarType dtype) {
  const at::Tensor bias = layer.bias().defined() ? layer.bias().to(dtype) : at::Tensor();
  return std::make_unique<DenseLinear>(layer.weight().to(dtype), bias);
}

std::unique_ptr<Linear> packed(const DenseLinear& layer, const PredictorStorage& storage) {
  const at::Tensor weight = layer.weight().detach().cpu().contiguous();
  const Quantized quantized = quantize_rtn(weight, {storage.bits, storage.group});
  return std::make_unique<PackedLinear>(on_device(pack(quantized), layer.weight().device()),
                                        layer.bias());
}

void require_storage(const PredictorStorage& storage) {
  if (storage.bits == 32 || storage.bits == 16) return;
  if (storage.bits != 8 && storage.bits != 4) {
    throw UserError(
        fmt::format("a predictor of {} bits a weight; allowed: 32, 16, 8, 4", storage.bits));
  }
  const auto problems = quantize_problems({storage.bits, storage.group}, "bits", "group");
  if (!problems.empty()) throw UserError(problems);
}

std::unique_ptr<Linear> stored_layer(const Linear& layer, const PredictorStorage& storage) {
  const DenseLinear& dense = dense_fp32(layer);
  if (storage.bits == 32) return dense.share();
  return storage.bits == 16 ? converted(dense, at::kBFloat16) : packed(dense, storage);
}

}  // namespace

const char* predictor_middle_name(PredictorMiddle middle) {
  return middle == PredictorMiddle::kRelu ? "relu" : "none";
}

PredictorForm dejavu_form(std::int64_t inputs, std::int64_t rank, std::int64_t outputs) {
  return {.inputs = inputs, .rank = rank, .outputs = outputs};
}

PredictorForm shadowllm_form(std::int64_t inputs, std::int64_t rank, std::int64_t outputs) {
  return {.inputs = inputs,
          .rank = rank,
          .outputs = outputs,
          .middle = PredictorMiddle::kRelu,
          .biases = true,
          .scaled_inputs = true};
}

Json to_json(const PredictorForm& form) {
  return {{"inputs", form.inputs},   {"rank", form.rank},
          {"outputs", form.outputs}, {"middle", predictor_middle_name(form.middle)},
          {"biases", form.biases},   {"scaled_inputs", form.scaled_inputs}};
}

void require_predictor_form(const PredictorForm& form) {
  if (form.inputs < 1 || form.outputs < 1) {
    throw std::logic_error("a predictor without inputs or outputs");
  }
  if (form.rank >= 1 && form.rank <= form.inputs) return;
  throw DoesNotApply(fmt::format(
      "a predictor of rank {} for rows of width {}; allowed: 1 to {}, beyond which it would cost "
      "more than a whole matrix. Choose a smaller rank",
      form.rank, form.inputs, form.inputs));
}

Predictor::Predictor(const PredictorForm& form, std::unique_ptr<Linear> first,
                     std::unique_ptr<Linear> second)
    : form_(form), first_(std::move(first)), second_(std::move(second)) {
  require_sizes(*first_, form.inputs, form.rank, "first");
  require_sizes(*second_, form.rank, form.outputs, "second");
}

at::Tensor Predictor::forward(const at::Tensor& rows) const {
  const at::Tensor read = form_.scaled_inputs ? scaled_rows(rows) : rows;
  const at::Tensor hidden = first_->forward(as_read_by(*first_, read));
  const bool relu = form_.middle == PredictorMiddle::kRelu;
  const at::Tensor passed = relu ? at::relu(hidden) : hidden;
  return second_->forward(as_read_by(*second_, passed)).to(at::kFloat);
}

Cost Predictor::cost() const {
  Cost cost = first_->cost();
  cost += second_->cost();
  return cost;
}

void Predictor::visit_tensors(const VisitTensor& visit) {
  first_->visit_tensors(visit_part(visit, "first."));
  second_->visit_tensors(visit_part(visit, "second."));
}

std::unique_ptr<Predictor> Predictor::share() const {
  return std::make_unique<Predictor>(form_, first_->share(), second_->share());
}

Predictor fresh_predictor(const PredictorForm& form, std::uint64_t seed, at::Device device) {
  require_predictor_form(form);
  const c10::InferenceMode plain(false);
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  auto first = fresh_linear(form.inputs, form.rank, form.biases, generator, device);
  auto second = fresh_linear(form.rank, form.outputs, form.biases, generator, device);
  return {form, std::move(first), std::move(second)};
}

Predictor stored_as(const Predictor& predictor, const PredictorStorage& storage) {
  require_storage(storage);
  return {predictor.form(), stored_layer(predictor.first(), storage),
          stored_layer(predictor.second(), storage)};
}

}  // namespace assay
