#include "harness/export/plain_model.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/base/text.h"
#include "harness/export/config_writer.h"

namespace assay {
namespace {

using Tensors = std::map<std::string, at::Tensor>;
using LayerList = std::vector<std::int64_t>;

/// What of a layer goes into files; its number is that in the model.
struct PlainLayer {
  std::int64_t number = 0;
  LayerShape shape;
  Tensors tensors;  ///< "q.weight", "ffn_norm.bias"
};

/// "layer 3", "layers 0 to 5", "layers 1, 4, 5".
std::string layers_text(const LayerList& layers) {
  if (layers.size() == 1) return fmt::format("layer {}", layers.front());
  const bool run = layers.back() - layers.front() + 1 == std::ssize(layers);
  if (run && layers.size() > 2)
    return fmt::format("layers {} to {}", layers.front(), layers.back());
  return fmt::format("layers {}", fmt::join(layers, ", "));
}

/// Texts with the layers that they hold for, in the order in which they were found.
class ByLayer {
 public:
  void add(const std::string& text, std::int64_t layer) {
    const auto same = [&](const auto& entry) { return entry.first == text; };
    auto found = std::find_if(entries_.begin(), entries_.end(), same);
    if (found == entries_.end()) found = entries_.insert(entries_.end(), {text, {}});
    // Attention and FFN of a layer may say the same.
    LayerList& layers = found->second;
    if (layers.empty() || layers.back() != layer) layers.push_back(layer);
  }
  /// "TEXT (layers 0 to 5)"
  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& [text, layers] : entries_) {
      all.push_back(fmt::format("{} ({})", text, layers_text(layers)));
    }
    return all;
  }

 private:
  std::vector<std::pair<std::string, LayerList>> entries_;
};

void add_norm(PlainLayer& layer, const char* name, const NormBlock& norm) {
  if (norm.weight.defined()) layer.tensors[std::string(name) + ".weight"] = norm.weight;
  if (norm.bias.defined()) layer.tensors[std::string(name) + ".bias"] = norm.bias;
}

at::Tensor grown(const at::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  if (tensor.sizes() == at::IntArrayRef(shape)) return tensor;
  at::Tensor result = at::zeros(shape, tensor.options());
  at::Tensor place = result;
  for (std::int64_t i = 0; i < tensor.dim(); ++i) place = place.narrow(i, 0, tensor.size(i));
  place.copy_(tensor);
  return result;
}

bool fits_into(const at::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  bool fits = tensor.dim() == std::ssize(shape);
  for (std::int64_t i = 0; fits && i < tensor.dim(); ++i) {
    fits = tensor.size(i) <= shape[static_cast<std::size_t>(i)];
  }
  return fits;
}

std::string range_text(const std::set<std::int64_t>& values) {
  return values.size() == 1 ? std::to_string(*values.begin())
                            : fmt::format("{} to {}", *values.begin(), *values.rbegin());
}

class Plainer {
 public:
  Plainer(const Model& model, const std::vector<ConfigKey>& keys)
      : model_(model), keys_(keys), plain_{model.spec(), {}, {}} {}

  PlainModel run() {
    for (std::int64_t i = 0; i < model_.layer_count(); ++i) take_layer(i);
    take_ends();
    leave_out_empty();
    require_missing_can_be_said();
    choose_shape();
    choose_biases();
    throw_reasons();
    for (const ParameterShape& wanted : parameter_shapes(plain_.spec)) fill(wanted);
    require_all_used();
    throw_reasons();
    for (const std::string& text : remarks_.texts()) plain_.remarks.push_back(text);
    return std::move(plain_);
  }

 private:
  void refuse(const std::string& reason) { reasons_.push_back(reason); }

  /// One sub-layer's own words, under its name.
  void take(const char* what, const DenseForm& form, PlainLayer& layer) {
    if (!form.impossible.empty()) {
      impossible_.add(fmt::format("the {} is {}", what, form.impossible), layer.number);
    }
    if (form.activation && *form.activation != plain_.spec.activation) {
      impossible_.add(
          fmt::format("the {} has another activation than the configuration says", what),
          layer.number);
    }
    for (const std::string& remark : form.remarks) remarks_.add(remark, layer.number);
    layer.tensors.insert(form.tensors.begin(), form.tensors.end());
  }

  void take_layer(std::int64_t number) {
    const Layer& from = model_.layers()[static_cast<std::size_t>(number)];
    PlainLayer layer{number, model_.spec().layer(number), {}};
    add_norm(layer, "attention_norm", from.attention_norm);
    if (from.attention) take("attention", from.attention->dense_form(), layer);
    add_norm(layer, "attention_out_norm", from.attention_out_norm);
    add_norm(layer, "ffn_norm", from.ffn_norm);
    if (from.ffn) take("feed-forward block", from.ffn->dense_form(), layer);
    add_norm(layer, "ffn_out_norm", from.ffn_out_norm);
    layer.shape.has_attention = from.attention != nullptr;
    layer.shape.has_ffn = from.ffn != nullptr;
    layers_.push_back(std::move(layer));
  }

  /// What stands before and after the layers.
  void take_ends() {
    DenseForm form = model_.input().dense_form();
    if (!form.impossible.empty()) refuse("the input is " + form.impossible);
    const DenseForm output = model_.output().dense_form();
    if (!output.impossible.empty()) refuse("the output is " + output.impossible);
    form.add("", output);
    for (const Parameter& parameter : model_.parameters()) {
      if (parameter.id && parameter.id->slot == Slot::kFinalNorm) {
        form.tensors[parameter.name] = parameter.tensor;
      }
    }
    plain_.remarks.assign(form.remarks.begin(), form.remarks.end());
    ends_ = std::move(form.tensors);
    const at::Tensor head = ends_["head.weight"], embedding = ends_["embedding.weight"];
    if (plain_.spec.tied_head && head.defined() && !head.is_same(embedding)) {
      plain_.spec.tied_head = head.data_ptr() == embedding.data_ptr();
    }
  }

  void leave_out_empty() {
    const auto is_empty = [](const PlainLayer& layer) {
      return !layer.shape.has_attention && !layer.shape.has_ffn;
    };
    LayerList empty;
    for (const PlainLayer& layer : layers_) {
      if (is_empty(layer)) empty.push_back(layer.number);
    }
    if (empty.empty() || empty.size() == layers_.size()) return;
    std::erase_if(layers_, is_empty);
    LayerList kept;
    for (const PlainLayer& layer : layers_) kept.push_back(layer.number);
    keep_layers(plain_.spec, kept);
    plain_.remarks.push_back(fmt::format("left out: {} of {}, of which nothing was left",
                                         layers_text(empty), model_.layer_count()));
  }

  /// A sub-layer that adds nothing passes the residual on, but not past a norm that follows it.
  void require_missing_can_be_said() {
    for (const PlainLayer& layer : layers_) {
      for (const auto& [there, what] : {std::pair(layer.shape.has_attention, "attention"),
                                        std::pair(layer.shape.has_ffn, "feed-forward block")}) {
        if (there) continue;
        if (plain_.spec.pre_norm) {
          remarks_.add(fmt::format("no {}: output weights of zeros stand for it", what),
                       layer.number);
        } else {
          impossible_.add(fmt::format("the {} is missing, and this model norms after the residual, "
                                      "where zeros do not stand for nothing",
                                      what),
                          layer.number);
        }
      }
    }
  }

  [[nodiscard]] std::set<std::int64_t> values(std::int64_t LayerShape::*field,
                                              bool LayerShape::*there) const {
    std::set<std::int64_t> found;
    for (const PlainLayer& layer : layers_) {
      if (layer.shape.*there) found.insert(layer.shape.*field);
    }
    return found;
  }

  void choose_shape() {
    const bool mixtures = plain_.spec.shape.experts > 0;
    if (!mixtures) choose_neurons();
    choose_heads();
    plain_.spec.shape.has_attention = plain_.spec.shape.has_ffn = true;
    mixtures ? settle_blocks() : plain_.spec.layer_shapes.clear();
  }

  /// Mixtures of experts may stand beside plain layers: feed-forward blocks stay what they are.
  void settle_blocks() {
    const LayerShape& shape = plain_.spec.shape;
    std::vector<LayerShape>& all = plain_.spec.layer_shapes;
    for (LayerShape& one : all) {
      const LayerShape block = one;
      one = shape;
      one.ffn_width = block.ffn_width;
      one.experts = block.experts;
    }
    if (std::count(all.begin(), all.end(), shape) == std::ssize(all)) all.clear();
  }

  void choose_neurons() {
    std::int64_t& width = plain_.spec.shape.ffn_width;
    const auto widths = values(&LayerShape::ffn_width, &LayerShape::has_ffn);
    if (widths.empty()) return;
    if (can_say(keys_, &LayerShape::ffn_width)) width = *widths.rbegin();
    if (*widths.begin() == width) return;
    plain_.remarks.push_back(fmt::format(
        "feed-forward blocks of {} neurons filled up with zeros to {}", range_text(widths), width));
  }

  void choose_heads() {
    LayerShape& shape = plain_.spec.shape;
    const auto groups = values(&LayerShape::kv_heads, &LayerShape::has_attention);
    if (groups.empty()) return;
    const std::int64_t each = shape.heads / shape.kv_heads;
    for (const PlainLayer& layer : layers_) {
      const bool alike = layer.shape.heads == each * layer.shape.kv_heads &&
                         layer.shape.head_dim == shape.head_dim;
      if (!layer.shape.has_attention || alike) continue;
      impossible_.add(
          "heads of another size, or other groups of heads, than the configuration says",
          layer.number);
    }
    const bool said = can_say(keys_, &LayerShape::heads) && can_say(keys_, &LayerShape::kv_heads) &&
                      can_say(keys_, &LayerShape::head_dim);
    if (said) shape.kv_heads = fewest_groups(*groups.rbegin(), each);
    shape.heads = shape.kv_heads * each;
    if (*groups.begin() == shape.kv_heads) return;
    std::set<std::int64_t> heads;
    for (const std::int64_t count : groups) heads.insert(count * each);
    plain_.remarks.push_back(fmt::format("attention of {} heads filled up with zeros to {}",
                                         range_text(heads), shape.heads));
  }

  /// transformers wants a number of heads that divides the width.
  [[nodiscard]] std::int64_t fewest_groups(std::int64_t groups, std::int64_t each) const {
    const std::int64_t most = plain_.spec.shape.kv_heads;
    while (groups < most && plain_.spec.width % (groups * each) != 0) ++groups;
    return groups;
  }

  /// There is a bias when a layer has one, or when the configuration knows it together with one.
  void choose_biases() {
    ModelSpec& spec = plain_.spec;
    const auto any = [&](std::initializer_list<const char*> names) {
      return std::any_of(layers_.begin(), layers_.end(), [&](const PlainLayer& layer) {
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return layer.tensors.contains(name + ".bias");
        });
      });
    };
    spec.qkv_bias = spec.qkv_bias || any({"q", "k", "v"});
    spec.attention_out_bias = spec.attention_out_bias || any({"o"});
    spec.ffn_bias = spec.ffn_bias || any({"gate", "up"});
    spec.ffn_out_bias = spec.ffn_out_bias || any({"down"});
    join_biases(keys_, spec);
  }

  /// Of the tensors that stand for nothing: norms that multiply by one, everything else zeros.
  [[nodiscard]] at::Tensor filling(const ParameterShape& wanted) const {
    const auto options = at::TensorOptions(model_.dtype()).device(model_.device());
    const bool norm = slot_info(wanted.id.slot).kind == SlotKind::kNorm;
    const double value = norm && !wanted.id.bias ? 1 - plain_.spec.norm_offset : 0;
    return at::full(wanted.shape, value, options);
  }

  /// True for what the configuration asks for and the layer does without.
  [[nodiscard]] static bool may_lack(const PlainLayer& layer, const ParameterId& id) {
    const SlotInfo& info = slot_info(id.slot);
    if (info.kind == SlotKind::kLinear && id.bias) return true;
    const bool of_attention = info.owner == SlotOwner::kAttention ||
                              id.slot == Slot::kAttentionNorm || id.slot == Slot::kAttentionOutNorm;
    return of_attention ? !layer.shape.has_attention : !layer.shape.has_ffn;
  }

  void fill(const ParameterShape& wanted) {
    const ParameterId& id = wanted.id;
    const PlainLayer* layer = id.layer < 0 ? nullptr : &layers_[static_cast<std::size_t>(id.layer)];
    const Tensors& tensors = layer == nullptr ? ends_ : layer->tensors;
    const std::string name = parameter_name({-1, id.slot, id.bias, id.expert});
    const auto found = tensors.find(name);
    const bool there = found != tensors.end() && found->second.defined();
    if (there && fits_into(found->second, wanted.shape)) {
      plain_.tensors[id] = grown(found->second, wanted.shape);
    } else if (!there && layer != nullptr && may_lack(*layer, id)) {
      plain_.tensors[id] = filling(wanted);
      if (id.bias && layer->tensors.contains(parameter_name({-1, id.slot, false, id.expert}))) {
        remarks_.add(fmt::format("biases of zeros added to {}", slot_name(id.slot)), layer->number);
      }
    } else {
      refuse(fmt::format(
          "{} is {}, and the file's is [{}]", parameter_name(id),
          there ? fmt::format("[{}]", fmt::join(found->second.sizes(), ", ")) : "missing",
          fmt::join(wanted.shape, ", ")));
    }
  }

  /// A tensor for which the files have no place changes what is computed.
  void require_all_used() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      for (const auto& [name, tensor] : layers_[i].tensors) {
        const auto id = parameter_from_name(fmt::format("layer.{}.{}", i, name));
        if (id && plain_.tensors.contains(*id)) continue;
        impossible_.add(fmt::format("tensor '{}' has no place in the family's files", name),
                        layers_[i].number);
      }
    }
  }

  void throw_reasons() {
    for (const std::string& text : impossible_.texts()) refuse(text);
    if (reasons_.empty()) return;
    throw DoesNotApply(fmt::format("no file of a model of family '{}' holds this result: {}",
                                   model_.spec().family, join(reasons_, "; ")));
  }

  const Model& model_;
  const std::vector<ConfigKey>& keys_;
  PlainModel plain_;
  std::vector<PlainLayer> layers_;
  Tensors ends_;
  ByLayer remarks_, impossible_;
  std::vector<std::string> reasons_;
};

}  // namespace

PlainModel plain_model(const Model& model, const std::vector<ConfigKey>& keys) {
  return Plainer(model, keys).run();
}

}  // namespace assay
