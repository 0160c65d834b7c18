#include "harness/model/model_builder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include "harness/base/heap.h"
#include "harness/model/alibi.h"
#include "harness/model/attention.h"
#include "harness/model/ffn.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/random_weights.h"
#include "harness/model/rotation.h"

namespace assay {
namespace {

constexpr double kRandomDeviation = 0.02;

at::ScalarType element_type(const std::string& dtype) {
  if (dtype == "BF16") return at::kBFloat16;
  return dtype == "F16" ? at::kHalf : at::kFloat;
}

// A view of the memory map; never written to.
at::Tensor mapped(const StoredTensor& stored) {
  auto* data = const_cast<std::byte*>(stored.bytes.data());
  return at::from_blob(data, stored.shape, at::TensorOptions(element_type(stored.dtype)));
}

}  // namespace

ModelBuilder::ModelBuilder(const Checkpoint& checkpoint, const LoadOptions& options)
    : checkpoint_(checkpoint), spec_(checkpoint.spec()), options_(options) {}

at::Tensor ModelBuilder::allocate(Slot slot, bool bias, std::int64_t times) const {
  std::vector<std::int64_t> shape = slot_shape(spec_, slot, bias);
  shape.front() *= times;
  return empty_on_large_pages(shape, at::TensorOptions(options_.dtype).device(options_.device));
}

ModelBuilder::Parameter ModelBuilder::parameter(Slot slot, bool bias, std::int64_t times) const {
  return {allocate(slot, false, times), bias ? allocate(slot, true, times) : at::Tensor()};
}

ModelBuilder::Parameter ModelBuilder::norm(bool used) const {
  if (!used) return {};
  return parameter(Slot::kFinalNorm, spec_.norm == NormKind::kLayerNorm);
}

void ModelBuilder::allocate_all() {
  const bool projected = spec_.embedding_width != spec_.width;
  embedding_ = parameter(Slot::kEmbedding, false);
  if (spec_.positions == PositionKind::kLearned) positions_ = parameter(Slot::kPositions, false);
  if (projected) project_in_ = parameter(Slot::kProjectIn, false);
  if (projected) project_out_ = parameter(Slot::kProjectOut, false);
  embedding_norm_ = norm(spec_.embedding_norm);
  final_norm_ = norm(spec_.final_norm);
  head_ = spec_.tied_head ? embedding_ : parameter(Slot::kHead, false);
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    layers_.push_back({norm(true), norm(!spec_.shared_norm), parameter(Slot::kQkv, spec_.qkv_bias),
                       parameter(Slot::kO, spec_.attention_out_bias),
                       parameter(Slot::kUp, spec_.ffn_bias, spec_.ffn_gated ? 2 : 1),
                       parameter(Slot::kDown, spec_.ffn_bias)});
  }
}

ModelBuilder::Parameter& ModelBuilder::owner(Slot slot, std::int64_t layer) {
  switch (slot) {
    case Slot::kEmbedding:
      return embedding_;
    case Slot::kPositions:
      return positions_;
    case Slot::kProjectIn:
      return project_in_;
    case Slot::kProjectOut:
      return project_out_;
    case Slot::kEmbeddingNorm:
      return embedding_norm_;
    case Slot::kFinalNorm:
      return final_norm_;
    case Slot::kHead:
      return head_;
    default:
      break;
  }
  LayerParameters& parameters = layers_.at(static_cast<std::size_t>(layer));
  if (slot == Slot::kAttentionNorm) return parameters.attention_norm;
  if (slot == Slot::kFfnNorm) return parameters.ffn_norm;
  if (slot == Slot::kO) return parameters.out;
  if (slot == Slot::kDown) return parameters.down;
  return slot == Slot::kGate || slot == Slot::kUp ? parameters.first : parameters.qkv;
}

at::Tensor ModelBuilder::destination(const Binding& binding) {
  Parameter& parameter = owner(binding.slot, binding.layer);
  const at::Tensor& whole = binding.bias ? parameter.bias : parameter.weight;
  const std::int64_t query = spec_.heads * spec_.head_dim;
  const std::int64_t key = spec_.kv_heads * spec_.head_dim;
  switch (binding.slot) {
    case Slot::kQ:
      return whole.narrow(0, 0, query);
    case Slot::kK:
      return whole.narrow(0, query, key);
    case Slot::kV:
      return whole.narrow(0, query + key, key);
    case Slot::kGate:
      return whole.narrow(0, 0, spec_.ffn_width);
    case Slot::kUp:
      return whole.narrow(0, whole.size(0) - spec_.ffn_width, spec_.ffn_width);
    default:
      return whole;
  }
}

void ModelBuilder::copy_grouped(at::Tensor& to, const at::Tensor& from) const {
  const std::int64_t group = spec_.heads / spec_.kv_heads;
  const std::int64_t query = spec_.heads * spec_.head_dim;
  const std::int64_t key = spec_.kv_heads * spec_.head_dim;
  const at::Tensor groups = from.unflatten(0, {spec_.kv_heads, group + 2, spec_.head_dim});
  to.narrow(0, 0, query)
      .unflatten(0, {spec_.kv_heads, group, spec_.head_dim})
      .copy_(groups.narrow(1, 0, group));
  for (std::int64_t i = 0; i < 2; ++i) {
    to.narrow(0, query + i * key, key)
        .unflatten(0, {spec_.kv_heads, spec_.head_dim})
        .copy_(groups.select(1, group + i));
  }
}

void ModelBuilder::copy_weights() {
  for (const Binding& binding : checkpoint_.bindings()) {
    const at::Tensor from = mapped(checkpoint_.tensor(binding.tensor));
    at::Tensor to = destination(binding);
    if (binding.layout == TensorLayout::kGrouped) {
      copy_grouped(to, from);
    } else {
      to.copy_(binding.layout == TensorLayout::kTransposed && !binding.bias ? from.t() : from);
    }
  }
}

void ModelBuilder::fill_random_weights() {
  std::uint64_t stream = 0;
  const auto fill = [&](Parameter& parameter) {
    for (at::Tensor* tensor : {&parameter.weight, &parameter.bias}) {
      ++stream;
      if (tensor->defined()) fill_random(*tensor, options_.seed, stream, kRandomDeviation);
    }
  };
  const auto neutral = [](Parameter& parameter) {
    if (parameter.weight.defined()) parameter.weight.fill_(1);
    if (parameter.bias.defined()) parameter.bias.zero_();
  };
  for (Parameter* parameter : {&embedding_, &positions_, &project_in_, &project_out_}) {
    fill(*parameter);
  }
  if (!spec_.tied_head) fill(head_);
  neutral(embedding_norm_);
  neutral(final_norm_);
  for (LayerParameters& layer : layers_) {
    neutral(layer.attention_norm);
    neutral(layer.ffn_norm);
    for (Parameter* parameter : {&layer.qkv, &layer.out, &layer.first, &layer.down}) {
      fill(*parameter);
    }
  }
}

NormBlock ModelBuilder::norm_block(const Parameter& parameter) const {
  return {spec_.norm, spec_.norm_eps, parameter.weight, parameter.bias};
}

Layer ModelBuilder::layer(std::int64_t index) const {
  const LayerParameters& parameters = layers_.at(static_cast<std::size_t>(index));
  const AttentionShape shape{spec_.heads, spec_.kv_heads, spec_.head_dim, window_of(spec_, index)};
  const auto dense = [](const Parameter& p) { return DenseLinear(p.weight, p.bias); };
  return {norm_block(parameters.attention_norm), norm_block(parameters.ffn_norm),
          std::make_unique<StandardAttention>(shape, dense(parameters.qkv), dense(parameters.out)),
          std::make_unique<StandardFfn>(spec_.activation, spec_.ffn_gated, dense(parameters.first),
                                        dense(parameters.down))};
}

Model ModelBuilder::assemble() {
  Model model;
  model.spec_ = spec_;
  model.folder_ = checkpoint_.folder();
  model.warnings_ = checkpoint_.warnings();
  model.dtype_ = options_.dtype;
  model.device_ = options_.device;
  model.embedding_ = embedding_.weight;
  if (positions_.weight.defined()) {
    model.position_embedding_ =
        positions_.weight.narrow(0, spec_.position_offset, spec_.max_positions);
  }
  if (project_in_.weight.defined()) model.project_in_.emplace(project_in_.weight, at::Tensor());
  if (project_out_.weight.defined()) model.project_out_.emplace(project_out_.weight, at::Tensor());
  model.embedding_norm_ = norm_block(embedding_norm_);
  model.final_norm_ = norm_block(final_norm_);
  model.head_.emplace(head_.weight, head_.bias);
  if (spec_.positions == PositionKind::kRotary) {
    model.rope_frequencies_ = rope_frequencies(spec_).to(options_.device);
  } else if (spec_.positions == PositionKind::kAlibi) {
    model.alibi_ = alibi_bias(spec_, spec_.max_positions).to(options_.device);
  }
  for (std::int64_t i = 0; i < spec_.layers; ++i) model.layers_.push_back(layer(i));
  return model;
}

Model ModelBuilder::build() {
  // Plain tensors, so that code outside inference mode may change weights in place.
  const c10::InferenceMode plain(false);
  allocate_all();
  if (options_.random_weights) {
    fill_random_weights();
  } else {
    copy_weights();
  }
  return assemble();
}

Model Model::load(const std::filesystem::path& folder, const LoadOptions& options) {
  keep_freed_memory();
  const Checkpoint checkpoint = Checkpoint::open(folder, !options.random_weights);
  return ModelBuilder(checkpoint, options).build();
}

}  // namespace assay
