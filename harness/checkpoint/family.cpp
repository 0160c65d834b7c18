#include "harness/checkpoint/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

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

std::string numbered(const char* name, std::int64_t layer) {
  std::string text = name;
  if (const std::size_t mark = text.find("{}"); mark != std::string::npos) {
    text.replace(mark, 2, std::to_string(layer));
  }
  return text;
}

/// Calls with each tensor of a model of this shape: its rule, its layer, and whether it is a bias.
template <typename Use>
void for_each_tensor(const std::vector<TensorRule>& rules, const ModelSpec& spec, Use use) {
  for (const TensorRule& rule : rules) {
    if (!rule.used) continue;
    const bool of_layer = slot_info(rule.slots.front()).of_layer();
    const std::int64_t first = of_layer ? 0 : -1, end = of_layer ? spec.layers : 0;
    for (std::int64_t layer = first; layer < end; ++layer) use(rule, layer, false);
    for (std::int64_t layer = first; rule.bias && layer < end; ++layer) use(rule, layer, true);
  }
}

bool is_bound_to(const Binding& binding, const TensorRule& rule, std::int64_t layer, bool bias) {
  return binding.slots.front() == rule.slots.front() && binding.layer == layer &&
         binding.bias == bias;
}

/// What stands before the names of layers in these files.
bool has_head(const std::vector<Binding>& bindings) {
  return std::any_of(bindings.begin(), bindings.end(),
                     [](const Binding& binding) { return binding.slots.front() == Slot::kHead; });
}

std::string prefix_of(const std::vector<Binding>& original, const std::vector<TensorRule>& rules) {
  for (const Binding& binding : original) {
    for (const TensorRule& rule : rules) {
      if (binding.layer < 0 || !is_bound_to(binding, rule, binding.layer, binding.bias)) continue;
      const std::size_t place = binding.tensor.find(numbered(rule.name, binding.layer));
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
    for_each_tensor(family_.tensors(spec_), spec_,
                    [&](const TensorRule& rule, std::int64_t layer, bool bias) {
                      bind_one(rule, layer, bias);
                    });
    if (!problems_.empty()) throw UserError(problems_);
    return std::move(bindings_);
  }

 private:
  void bind_one(const TensorRule& rule, std::int64_t layer, bool bias) {
    const auto names =
        candidates(family_, spec_, rule, numbered(rule.name, layer) + (bias ? ".bias" : ".weight"));
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
    bindings_.push_back({rule.slots, bias, layer, rule.layout, *found, shape});
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
  const auto add = [&](const TensorRule& rule, std::int64_t layer, bool bias) {
    std::string name = numbered(rule.name, layer) + (bias ? ".bias" : ".weight");
    if (rule.slots.front() == Slot::kHead) {  // outside the part that carries the prefix
      const auto old = std::find_if(original.begin(), original.end(), [&](const Binding& binding) {
        return is_bound_to(binding, rule, layer, bias);
      });
      if (old != original.end()) name = old->tensor;
    } else {
      name = prefix + name;
    }
    bindings.push_back({rule.slots, bias, layer, rule.layout, name,
                        stored_shape(spec, rule.slots, layer, bias, rule.layout)});
  };
  for_each_tensor(rules, spec, add);
  return bindings;
}

}  // namespace assay
