#include "harness/checkpoint/stored_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

namespace assay {
namespace {

bool same_content(const StoredTensor& a, const StoredTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

// Masks and rotary frequencies, which older versions of transformers stored.
bool is_buffer(const std::string& name) {
  static const std::vector<std::string> kEnds = {".attn.bias",
                                                 ".attn.masked_bias",
                                                 ".attention.bias",
                                                 ".attention.masked_bias",
                                                 "embeddings.position_ids",
                                                 "embeddings.token_type_ids",
                                                 ".rotary_emb.inv_freq",
                                                 ".rotary_emb.cos_cached",
                                                 ".rotary_emb.sin_cached"};
  return std::any_of(kEnds.begin(), kEnds.end(),
                     [&](const std::string& end) { return name.ends_with(end); });
}

}  // namespace

std::optional<ModelWarning> settle_head(const Family& family, ModelSpec& spec,
                                        const std::vector<StoredTensor>& tensors) {
  if (!spec.tied_head) return std::nullopt;
  const StoredTensor* embedding = stored_tensor_of(family, spec, Slot::kEmbedding, tensors);
  const StoredTensor* head = stored_tensor_of(family, spec, Slot::kHead, tensors);
  if (head == nullptr || embedding == head || same_content(*embedding, *head)) return std::nullopt;
  spec.tied_head = false;
  return ModelWarning{"model_own_head",
                      fmt::format("'tie_word_embeddings' is true, and the file holds a head that "
                                  "differs from the embedding: '{}' is used, as in transformers 5",
                                  head->name)};
}

void settle_pooler(const Family& family, ModelSpec& spec,
                   const std::vector<StoredTensor>& tensors) {
  const bool needed = spec.output == OutputKind::kClassifier;
  if (needed || stored_tensor_of(family, spec, Slot::kPooler, tensors) != nullptr) return;
  spec.pooler_width = 0;
}

std::optional<ModelWarning> warn_of_unused(const Family& family, const ModelSpec& spec,
                                           const std::vector<StoredTensor>& tensors,
                                           const std::vector<Binding>& bindings) {
  std::set<std::string> used;
  for (const Binding& binding : bindings) used.insert(binding.tensor);
  if (spec.tied_head) {
    const StoredTensor* head = stored_tensor_of(family, spec, Slot::kHead, tensors);
    if (head != nullptr) used.insert(head->name);
  }
  std::vector<std::string> others;
  for (const StoredTensor& tensor : tensors) {
    if (!used.contains(tensor.name) && !is_buffer(tensor.name)) others.push_back(tensor.name);
  }
  if (others.empty()) return std::nullopt;
  return ModelWarning{"model_unused_tensors",
                      fmt::format("{} of the stored tensors are not read, '{}' first",
                                  others.size(), others.front())};
}

}  // namespace assay
