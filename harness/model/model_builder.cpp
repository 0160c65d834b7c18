#include "harness/model/model_builder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "harness/base/errors.h"
#include "harness/base/malloc_policy.h"
#include "harness/model/alibi.h"
#include "harness/model/embedding_input.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/layer_rotation.h"
#include "harness/model/mixture_ffn.h"
#include "harness/model/outputs.h"
#include "harness/model/random_weights.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"

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

/// The slot that the memory of a product of several slots starts with; mostly the slot itself.
Slot first_of_product(Slot slot) {
  if (slot == Slot::kK || slot == Slot::kV) return Slot::kQ;
  return slot == Slot::kUp ? Slot::kGate : slot;
}

/// [kv_heads, heads / kv_heads + 2, head_dim] rows, a group's queries before its key and value ->
/// all queries, then all keys, then all values.
at::Tensor rows_by_slot(const at::Tensor& grouped, const LayerShape& shape) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  const at::Tensor groups = grouped.unflatten(0, {shape.kv_heads, group + 2, shape.head_dim});
  const auto rows = [&](std::int64_t begin, std::int64_t count) {
    return groups.narrow(1, begin, count).flatten(0, 2);
  };
  return at::cat({rows(0, group), rows(group, 1), rows(group + 1, 1)});
}

// What no family has, and nothing here computes.
void check_form(const ModelSpec& spec) {
  const bool unknown = (spec.tied_head && spec.head_bias) ||
                       (spec.qk_norm != QkNorm::kNone && !spec.norm_weights) ||
                       (spec.norm == NormKind::kLayerNorm && spec.norm_offset != 0);
  if (unknown) throw std::logic_error(spec.family + ": no model of this form can be built");
}

}  // namespace

ModelBuilder::ModelBuilder(const ModelSpec& spec, at::ScalarType dtype, at::Device device)
    : spec_(spec), dtype_(dtype), device_(device) {
  // Plain tensors, so that code outside inference mode may change and train weights.
  const c10::InferenceMode plain(false);
  std::map<ParameterId, std::vector<ParameterShape>> groups;
  for (const ParameterShape& one : parameter_shapes(spec_)) {
    ParameterId first = one.id;
    first.slot = first_of_product(one.id.slot);
    groups[first].push_back(one);
  }
  for (const auto& [first, group] : groups) allocate_side_by_side(group);
}

at::Tensor ModelBuilder::get(const ParameterId& id) const {
  const auto found = tensors_.find(id);
  return found == tensors_.end() ? at::Tensor() : found->second;
}

/// One piece of memory, of which each parameter is a slice.
void ModelBuilder::allocate_side_by_side(const std::vector<ParameterShape>& group) {
  std::vector<std::int64_t> shape = group.front().shape;
  shape.front() = 0;
  for (const ParameterShape& one : group) shape.front() += one.shape.front();
  const at::Tensor whole = empty_on_large_pages(shape, at::TensorOptions(dtype_).device(device_));
  std::int64_t begin = 0;
  for (const ParameterShape& one : group) {
    tensors_[one.id] = whole.narrow(0, begin, one.shape.front());
    begin += one.shape.front();
  }
}

void ModelBuilder::copy(const Checkpoint& checkpoint, const Binding& binding) {
  at::Tensor from = mapped(checkpoint.tensor(binding.tensor));
  if (binding.layout == TensorLayout::kTransposed && !binding.bias) from = from.t();
  if (binding.layout == TensorLayout::kGrouped) {
    from = rows_by_slot(from, spec_.layer(binding.layer));
  }
  std::int64_t begin = 0;
  for (const Slot slot : binding.slots) {
    at::Tensor to = get({binding.layer, slot, binding.bias, binding.expert});
    to.copy_(from.narrow(0, begin, to.size(0)));
    begin += to.size(0);
  }
}

void ModelBuilder::fill(const Checkpoint& checkpoint) {
  const c10::InferenceMode plain(false);
  for (const Binding& binding : checkpoint.bindings()) copy(checkpoint, binding);
}

void ModelBuilder::fill_at_random(std::uint64_t seed) {
  const c10::InferenceMode plain(false);
  std::uint64_t stream = 0;
  for (auto& [id, tensor] : tensors_) {
    ++stream;
    if (slot_info(id.slot).kind == SlotKind::kNorm) {
      tensor.fill_(id.bias ? 0 : 1 - spec_.norm_offset);
    } else {
      fill_random(tensor, seed, stream, kRandomDeviation);
    }
  }
}

void ModelBuilder::fill(const std::map<std::string, at::Tensor>& tensors) {
  const c10::InferenceMode plain(false);
  const at::NoGradGuard no_grad;
  for (auto& [id, to] : tensors_) {
    const std::string name = parameter_name(id);
    const auto from = tensors.find(name);
    if (from == tensors.end()) throw UserError("tensor '" + name + "' is missing; fit again");
    if (from->second.sizes() != to.sizes()) {
      throw UserError(fmt::format("tensor '{}' has shape [{}], and the model's is [{}]; fit again",
                                  name, fmt::join(from->second.sizes(), ", "),
                                  fmt::join(to.sizes(), ", ")));
    }
    to.copy_(from->second);
  }
}

NormBlock ModelBuilder::norm(std::int64_t layer, Slot slot) const {
  const LayerShape& shape = layer < 0 ? spec_.shape : spec_.layer(layer);
  NormBlock block{spec_.norm, spec_.norm_eps, get({layer, slot, false}), get({layer, slot, true})};
  block.offset = spec_.norm_offset;
  block.rounds_last = spec_.norm_rounds_last;
  block.bare = !spec_.norm_weights && norm_stands(spec_, shape, slot);
  return block;
}

DenseLinear ModelBuilder::dense(std::int64_t layer, const SlotPlace& place) const {
  return {get({layer, place.slot, false, place.expert}),
          get({layer, place.slot, true, place.expert})};
}

std::optional<DenseLinear> ModelBuilder::dense_if_there(std::int64_t layer,
                                                        const SlotPlace& place) const {
  if (!get({layer, place.slot, false, place.expert}).defined()) return std::nullopt;
  return dense(layer, place);
}

std::unique_ptr<Attention> ModelBuilder::attention(std::int64_t index) const {
  const LayerShape& shape = spec_.layer(index);
  if (!shape.has_attention) return nullptr;
  return std::make_unique<StandardAttention>(
      AttentionShape{.heads = shape.heads,
                     .kv_heads = shape.kv_heads,
                     .head_dim = shape.head_dim,
                     .sliding_window = window_of(spec_, index),
                     .interleaved = spec_.rope_interleaved,
                     .scale = spec_.attention_scale,
                     .softcap = spec_.attention_softcap,
                     .clip = spec_.qkv_clip},
      dense(index, Slot::kQ), dense(index, Slot::kK), dense(index, Slot::kV),
      dense(index, Slot::kO), QkNorms{norm(index, Slot::kQNorm), norm(index, Slot::kKNorm)});
}

std::unique_ptr<StandardFfn> ModelBuilder::plain_ffn(std::int64_t index,
                                                     std::int64_t expert) const {
  return std::make_unique<StandardFfn>(
      spec_.activation, dense_if_there(index, {Slot::kGate, expert}),
      dense(index, {Slot::kUp, expert}), dense(index, {Slot::kDown, expert}));
}

std::unique_ptr<Ffn> ModelBuilder::ffn(std::int64_t index) const {
  const LayerShape& shape = spec_.layer(index);
  if (!shape.has_ffn) return nullptr;
  if (shape.experts == 0) return plain_ffn(index, -1);
  std::vector<std::unique_ptr<StandardFfn>> experts;
  for (std::int64_t i = 0; i < shape.experts; ++i) experts.push_back(plain_ffn(index, i));
  return std::make_unique<MixtureFfn>(
      RouterForm{spec_.experts_per_token, spec_.router_normed, spec_.router_rounded},
      dense(index, Slot::kRouter), std::move(experts));
}

double ModelBuilder::embedding_scale() const {
  if (!spec_.embedding_scale_rounded) return spec_.embedding_scale;
  return at::scalar_tensor(spec_.embedding_scale, dtype_).item<double>();
}

std::unique_ptr<Input> ModelBuilder::input() const {
  return std::make_unique<EmbeddingInput>(
      EmbeddingTensors{get({-1, Slot::kEmbedding}), get({-1, Slot::kPositions}),
                       get({-1, Slot::kTokenTypes}), dense_if_there(-1, Slot::kProjectIn),
                       norm(-1, Slot::kEmbeddingNorm), spec_.position_offset, embedding_scale()});
}

std::unique_ptr<Output> ModelBuilder::output() const {
  if (spec_.output != OutputKind::kVocabulary) {
    return std::make_unique<Classifier>(dense_if_there(-1, Slot::kPooler),
                                        dense_if_there(-1, Slot::kHead), spec_.width);
  }
  DenseLinear head = spec_.tied_head ? DenseLinear(get({-1, Slot::kEmbedding}), at::Tensor())
                                     : dense(-1, Slot::kHead);
  return std::make_unique<VocabularyHead>(dense_if_there(-1, Slot::kProjectOut), std::move(head),
                                          spec_.tied_head,
                                          LogitForm{spec_.logit_scale, spec_.logit_softcap});
}

Model ModelBuilder::build(const std::filesystem::path& folder,
                          std::vector<ModelWarning> warnings) const {
  check_form(spec_);
  const c10::InferenceMode plain(false);
  Model model;
  model.spec_ = spec_;
  model.folder_ = folder;
  model.warnings_ = std::move(warnings);
  model.dtype_ = dtype_;
  model.device_ = device_;
  model.input_ = input();
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    model.layers_.push_back({norm(i, Slot::kAttentionNorm), norm(i, Slot::kFfnNorm), attention(i),
                             ffn(i), norm(i, Slot::kAttentionOutNorm), norm(i, Slot::kFfnOutNorm)});
  }
  model.final_norm_ = norm(-1, Slot::kFinalNorm);
  model.output_ = output();
  if (spec_.positions == PositionKind::kRotary) {
    model.rotary_ = RotaryPositions(spec_, device_);
    model.window_rotary_ = window_positions(spec_, device_);
  } else if (spec_.positions == PositionKind::kAlibi) {
    model.alibi_ = alibi_bias(spec_, spec_.max_positions).to(device_);
  }
  return model;
}

Model rebuilt(const Model& like, const ModelSpec& spec,
              const std::map<std::string, at::Tensor>& tensors) {
  ModelBuilder builder(spec, like.dtype(), like.device());
  builder.fill(tensors);
  return builder.build(like.vocabulary().folder, like.warnings());
}

Model Model::load(const std::filesystem::path& folder, const LoadOptions& options) {
  keep_freed_memory();
  const Checkpoint checkpoint = Checkpoint::open(folder, !options.random_weights);
  ModelBuilder builder(checkpoint.spec(), options.dtype, options.device);
  options.random_weights ? builder.fill_at_random(options.seed) : builder.fill(checkpoint);
  return builder.build(checkpoint.folder(), checkpoint.warnings());
}

}  // namespace assay
