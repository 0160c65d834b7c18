#include "methods/tardis/predictor.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <vector>

#include "harness/base/errors.h"
#include "harness/compress/low_rank.h"
#include "harness/compress/packed_linear.h"
#include "harness/compress/quantize.h"
#include "harness/model/cost.h"
#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"

namespace assay {
namespace {

constexpr double kBytesOf16Bits = 2;

std::int64_t quantised_bits(PredictorKind kind) { return kind == PredictorKind::kRtn4 ? 4 : 2; }

double dense_bytes(const FfnShape& shape) {
  return 2 * static_cast<double>(shape.width * shape.neurons) * kBytesOf16Bits;
}

std::int64_t rank_of(const PredictorOptions& options, const FfnShape& shape) {
  const std::int64_t rank =
      options.rank > 0 ? options.rank : equal_bytes_rank(shape, options.group);
  return std::min(rank, std::min(shape.width, shape.neurons));
}

Quantized quantised(const PredictorOptions& options, const at::Tensor& up,
                    const at::Tensor& hessian, const DampingRetry& retry) {
  const QuantizeOptions how{quantised_bits(options.kind), options.group};
  if (options.kind == PredictorKind::kRtn4) return quantize_rtn(up, how);
  return quantize_gptq(up, hessian, how, options.damping, retry);
}

}  // namespace

const at::Tensor& artefact_tensor(const Artefact& artefact, const std::string& name) {
  const auto found = artefact.tensors.find(name);
  if (found != artefact.tensors.end()) return found->second;
  throw UserError("the artefact lacks the tensor '" + name + "'; delete it, it will be made again");
}

PredictorKind predictor_kind(const std::string& name) {
  if (name == "gptq2") return PredictorKind::kGptq2;
  if (name == "rtn4") return PredictorKind::kRtn4;
  return name == "low_rank" ? PredictorKind::kLowRank : PredictorKind::kOracle;
}

std::int64_t equal_bytes_rank(const FfnShape& shape, std::int64_t group) {
  const double bytes =
      static_cast<double>(packed_bytes(shape.neurons, shape.width, {.bits = 2, .group = group}));
  const double each = kBytesOf16Bits * static_cast<double>(shape.width + shape.neurons);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes / each));
}

double predictor_bytes_share(const PredictorOptions& options, const FfnShape& shape) {
  switch (options.kind) {
    case PredictorKind::kOracle:
      return 0.5;
    case PredictorKind::kLowRank:
      return static_cast<double>(rank_of(options, shape) * (shape.width + shape.neurons)) *
             kBytesOf16Bits / dense_bytes(shape);
    case PredictorKind::kGptq2:
    case PredictorKind::kRtn4:
      break;
  }
  const QuantizeOptions how{quantised_bits(options.kind), options.group};
  return static_cast<double>(packed_bytes(shape.neurons, shape.width, how)) / dense_bytes(shape);
}

void store_predictor(Artefact& artefact, const std::string& name, const PredictorOptions& options,
                     const at::Tensor& up, const at::Tensor& hessian, const DampingRetry& retry) {
  if (options.kind == PredictorKind::kOracle) return;
  if (options.kind == PredictorKind::kLowRank) {
    const LowRank factors =
        svd_weighted(up, hessian, rank_of(options, {up.size(1), up.size(0)}), options.damping);
    artefact.tensors[name + ".left"] = factors.left.contiguous();
    artefact.tensors[name + ".right"] = factors.right.contiguous();
    return;
  }
  store_packed(artefact.plan, artefact.tensors, name, pack(quantised(options, up, hessian, retry)));
}

NeuronPredictor::NeuronPredictor(const Artefact& artefact, const std::string& name,
                                 PredictorKind kind, const PlainFfn& ffn)
    : dtype_(ffn.up.scalar_type()) {
  const auto as_weight = [&](const char* factor) {
    return copy_on_large_pages(artefact_tensor(artefact, name + factor).to(ffn.up.options()));
  };
  switch (kind) {
    case PredictorKind::kOracle:
      up_ = ffn.up;
      up_bias_ = ffn.up_bias;
      break;
    case PredictorKind::kLowRank:
      first_ = std::make_unique<DenseLinear>(as_weight(".right"), at::Tensor());
      second_ = std::make_unique<DenseLinear>(as_weight(".left"), ffn.up_bias);
      break;
    case PredictorKind::kGptq2:
    case PredictorKind::kRtn4:
      // Fed in fp32 whatever the model's dtype: a rounded prediction would move window edges.
      dtype_ = at::kFloat;
      first_ = std::make_unique<PackedLinear>(
          on_device(load_packed(artefact.plan, artefact.tensors, name), ffn.up.device()),
          ffn.up_bias.defined() ? ffn.up_bias.to(at::kFloat) : ffn.up_bias);
      break;
  }
}

at::Tensor NeuronPredictor::operator()(const at::Tensor& rows) const {
  // Many rows at once go through another product, whose rounding moves neurons over the edges of
  // their windows: what is chosen for a token must not depend on how many come together.
  if (rows.device().is_cpu() && rows.size(0) > kGemvMaxBatch) {
    std::vector<at::Tensor> pieces;
    for (const at::Tensor& piece : rows.split(kGemvMaxBatch)) pieces.push_back(predict(piece));
    return at::cat(pieces);
  }
  return predict(rows);
}

at::Tensor NeuronPredictor::predict(const at::Tensor& rows) const {
  const at::Tensor x = rows.to(dtype_);
  if (!first_) return dense_product(x, up_, up_bias_).to(at::kFloat);
  const at::Tensor z = first_->forward(x);
  return (second_ ? second_->forward(z) : z).to(at::kFloat);
}

Cost NeuronPredictor::cost() const {
  Cost cost;
  if (first_) {
    cost += first_->cost();
    if (second_) cost += second_->cost();
    return cost;
  }
  cost.touched_bytes = tensor_cost(up_).touched_bytes + tensor_cost(up_bias_).touched_bytes;
  cost.flops_per_token = 2 * up_.numel();
  return cost;
}

void NeuronPredictor::visit_tensors(const VisitTensor& visit) {
  if (first_) first_->visit_tensors(visit_part(visit, "predictor.first."));
  if (second_) second_->visit_tensors(visit_part(visit, "predictor.second."));
}

NeuronPredictor NeuronPredictor::share() const {
  NeuronPredictor twin;
  twin.dtype_ = dtype_;
  twin.up_ = up_;
  twin.up_bias_ = up_bias_;
  if (first_) twin.first_ = first_->share();
  if (second_) twin.second_ = second_->share();
  return twin;
}

void NeuronPredictor::read_from(const PlainFfn& ffn) {
  if (first_) return;
  up_ = ffn.up;
  up_bias_ = ffn.up_bias;
}

}  // namespace assay
