#include "harness/checkpoint/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "harness/base/errors.h"
#include "harness/base/text.h"

namespace assay {
namespace {

using TensorIndex = std::map<std::string, const StoredTensor*>;

// transformers would fill such a head at random.
constexpr const char* kUntied =
    " ('tie_word_embeddings' is false, so the head is a tensor of its own; when the model shares "
    "it "
    "with the embedding, set the key to true in config.json)";

// The head stands outside the part that carries the prefix, wherever a file has it, under a name
// that changed with the versions of transformers.
std::vector<std::string> head_names(const Family& family, const std::string& name) {
  const std::string end = name.substr(name.rfind('.'));
  std::vector<std::string> names = {name, "lm_head" + end, "embed_out" + end};
  for (const std::string& prefix : family.prefixes) names.push_back(prefix + name);
  return names;
}

// The first BERT checkpoints call a norm's weight gamma and its bias beta.
void add_old_norm_names(std::vector<std::string>& names) {
  const auto renamed = [](const std::string& name, const std::string& end, const char* old) {
    return name.substr(0, name.size() - end.size()) + old;
  };
  const std::size_t count = names.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = names[i];
    names.push_back(name.ends_with(".weight") ? renamed(name, ".weight", ".gamma")
                                              : renamed(name, ".bias", ".beta"));
  }
}

std::vector<std::string> candidates(const Family& family, const ModelSpec& spec,
                                    const TensorRule& rule, const std::string& name) {
  const bool scores_tokens = spec.output == OutputKind::kVocabulary;
  if (rule.slots.front() == Slot::kHead && scores_tokens) return head_names(family, name);
  std::vector<std::string> names;
  for (const std::string& prefix : family.prefixes) names.push_back(prefix + name);
  if (slot_info(rule.slots.front()).kind == SlotKind::kNorm) add_old_norm_names(names);
  // A file of a tied model may hold the one tensor under the head's name.
  if (rule.slots.front() == Slot::kEmbedding && spec.tied_head) {
    for (std::string& head : head_names(family, "lm_head.weight")) names.push_back(std::move(head));
  }
  return names;
}

bool is_weight_dtype(const std::string& dtype) {
  return dtype == "F32" || dtype == "BF16" || dtype == "F16";
}

/// One tensor of a rule.
struct Numbers {
  std::int64_t layer = -1;
  std::int64_t expert = -1;
  bool bias = false;
};

constexpr std::string_view kMark = "{}";

std::string numbered(const char* name, const Numbers& numbers) {
  std::string text = name;
  for (const std::int64_t number : {numbers.layer, numbers.expert}) {
    const std::size_t mark = text.find(kMark);
    if (mark != std::string::npos) text.replace(mark, kMark.size(), std::to_string(number));
  }
  return text;
}

std::string stored_name(const TensorRule& rule, const Numbers& numbers) {
  return numbered(rule.name, numbers) + (numbers.bias ? ".bias" : ".weight");
}

bool of_expert(const TensorRule& rule) {
  const std::string_view name = rule.name;
  return name.find(kMark) != name.rfind(kMark);
}

/// Whether such a layer has the tensors of the rule.
bool holds_for(const TensorRule& rule, const LayerShape& shape) {
  const bool mixture = shape.experts > 0;
  if (rule.slots.front() == Slot::kRouter) return mixture;
  return !is_expert_slot(rule.slots.front()) || of_expert(rule) == mixture;
}

/// Of all layers, with the tensors of a layer one after the other.
std::vector<Numbers> numbers_of(const TensorRule& rule, const ModelSpec& spec, bool bias) {
  if (!slot_info(rule.slots.front()).of_layer()) return {{-1, -1, bias}};
  std::vector<Numbers> all;
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const LayerShape& shape = spec.layer(layer);
    if (!holds_for(rule, shape)) continue;
    if (!of_expert(rule)) all.push_back({layer, -1, bias});
    for (std::int64_t expert = 0; of_expert(rule) && expert < shape.experts; ++expert) {
      all.push_back({layer, expert, bias});
    }
  }
  return all;
}

/// Calls with each tensor of a model of this shape: its rule, and which of the rule's it is.
template <typename Use>
void for_each_tensor(const std::vector<TensorRule>& rules, const ModelSpec& spec, Use use) {
  for (const TensorRule& rule : rules) {
    if (!rule.used) continue;
    for (const Numbers& numbers : numbers_of(rule, spec, false)) use(rule, numbers);
    if (!rule.bias) continue;
    for (const Numbers& numbers : numbers_of(rule, spec, true)) use(rule, numbers);
  }
}

bool is_bound_to(const Binding& binding, const TensorRule& rule, const Numbers& numbers) {
  return binding.slots.front() == rule.slots.front() && binding.layer == numbers.layer &&
         binding.expert == numbers.expert && binding.bias == numbers.bias;
}

/// What stands before the names of layers in these files.
bool has_head(const std::vector<Binding>& bindings) {
  return std::any_of(bindings.begin(), bindings.end(),
                     [](const Binding& binding) { return binding.slots.front() == Slot::kHead; });
}

std::string prefix_of(const std::vector<Binding>& original, const std::vector<TensorRule>& rules) {
  for (const Binding& binding : original) {
    for (const TensorRule& rule : rules) {
      const Numbers numbers{binding.layer, binding.expert, binding.bias};
      if (binding.layer < 0 || !is_bound_to(binding, rule, numbers)) continue;
      const std::size_t place = binding.tensor.find(numbered(rule.name, numbers));
      if (place != std::string::npos) return binding.tensor.substr(0, place);
    }
  }
  return "";
}

class Binder {
 public:
  Binder(const Family& family, const ModelSpec& spec, const std::vector<StoredTensor>& tensors,
         std::string place)
      : family_(family), spec_(spec), place_(std::move(place)) {
    for (const StoredTensor& tensor : tensors) index_[tensor.name] = &tensor;
  }

  std::vector<Binding> bind() {
    for_each_tensor(
        family_.tensors(spec_), spec_,
        [&](const TensorRule& rule, const Numbers& numbers) { bind_one(rule, numbers); });
    if (!problems_.empty()) throw UserError(problems_);
    return std::move(bindings_);
  }

 private:
  void bind_one(const TensorRule& rule, const Numbers& numbers) {
    const auto& [layer, expert, bias] = numbers;
    const auto names = candidates(family_, spec_, rule, stored_name(rule, numbers));
    const auto shape = stored_shape(spec_, rule.slots, layer, bias, rule.layout);
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const std::string& n) { return index_.contains(n); });
    if (found == names.end()) {
      const bool untied = rule.slots.front() == Slot::kHead && spec_.causal && !bias;
      problems_.push_back(fmt::format("{}: missing tensor '{}' of shape [{}]{}", place_,
                                      names.front(), fmt::join(shape, ", "),
                                      untied ? kUntied : ""));
      return;
    }
    check(*index_.at(*found), shape);
    bindings_.push_back({rule.slots, bias, layer, rule.layout, *found, shape, expert});
  }

  void check(const StoredTensor& tensor, const std::vector<std::int64_t>& shape) {
    if (tensor.shape != shape) {
      problems_.push_back(fmt::format("{}: tensor '{}' has shape [{}]; config.json asks for [{}]",
                                      place_, tensor.name, fmt::join(tensor.shape, ", "),
                                      fmt::join(shape, ", ")));
    }
    if (!is_weight_dtype(tensor.dtype)) {
      problems_.push_back(fmt::format("{}: tensor '{}' has dtype {}; allowed: F32, BF16, F16",
                                      place_, tensor.name, tensor.dtype));
    }
  }

  const Family& family_;
  const ModelSpec& spec_;
  std::string place_;
  TensorIndex index_;
  std::vector<Binding> bindings_;
  std::vector<std::string> problems_;
};

}  // namespace

const Family& family_of_model_type(const std::string& model_type, const std::string& place) {
  std::vector<std::string> lines;
  for (const Family& family : family_table()) {
    const auto& types = family.info.model_types;
    if (std::find(types.begin(), types.end(), model_type) != types.end()) return family;
    lines.push_back(fmt::format("{} ({})", family.info.name, join(types, ", ")));
  }
  throw UserError(
      fmt::format("{}: 'model_type' is \"{}\", which no family reads; families (model types): {}",
                  place, model_type, join(lines, "; ")));
}

std::vector<FamilyInfo> families() {
  std::vector<FamilyInfo> infos;
  for (const Family& family : family_table()) infos.push_back(family.info);
  std::sort(infos.begin(), infos.end(),
            [](const FamilyInfo& a, const FamilyInfo& b) { return a.name < b.name; });
  return infos;
}

const StoredTensor* stored_tensor_of(const Family& family, const ModelSpec& spec, Slot slot,
                                     const std::vector<StoredTensor>& tensors) {
  for (const TensorRule& rule : family.tensors(spec)) {
    if (rule.slots.front() != slot) continue;
    for (const std::string& name :
         candidates(family, spec, rule, std::string(rule.name) + ".weight")) {
      const auto found = std::find_if(tensors.begin(), tensors.end(),
                                      [&](const StoredTensor& t) { return t.name == name; });
      if (found != tensors.end()) return &*found;
    }
  }
  return nullptr;
}

std::vector<Binding> bind_tensors(const Family& family, const ModelSpec& spec,
                                  const std::vector<StoredTensor>& tensors,
                                  const std::string& place) {
  return Binder(family, spec, tensors, place).bind();
}

std::vector<Binding> bindings_like(const std::vector<Binding>& original, const Family& family,
                                   const ModelSpec& spec) {
  const std::vector<TensorRule> rules = family.tensors(spec);
  // What a new classifier stands on carries the prefix: beside it, names without one are unknown.
  const bool classifier = spec.output == OutputKind::kClassifier && !has_head(original);
  const std::string prefix = classifier ? family.prefixes.front() : prefix_of(original, rules);
  std::vector<Binding> bindings;
  const auto add = [&](const TensorRule& rule, const Numbers& numbers) {
    const auto& [layer, expert, bias] = numbers;
    std::string name = stored_name(rule, numbers);
    if (rule.slots.front() == Slot::kHead) {  // outside the part that carries the prefix
      const auto old = std::find_if(original.begin(), original.end(), [&](const Binding& binding) {
        return is_bound_to(binding, rule, numbers);
      });
      if (old != original.end()) name = old->tensor;
    } else {
      name = prefix + name;
    }
    bindings.push_back({rule.slots, bias, layer, rule.layout, name,
                        stored_shape(spec, rule.slots, layer, bias, rule.layout), expert});
  };
  for_each_tensor(rules, spec, add);
  return bindings;
}

}  // namespace assay
