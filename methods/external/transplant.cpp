#include "methods/external/transplant.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/method/masks.h"

namespace assay {
namespace {

constexpr std::int64_t kProbeTokens = 64;
constexpr std::int64_t kHeadRowsAtOnce = 64;

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Biases and norms of one layer; undefined ones are left out.
NamedTensors small_tensors(const Layer& layer, std::int64_t index) {
  const std::string prefix = fmt::format("layer.{}.", index);
  NamedTensors all = {{prefix + "attention_norm.weight", layer.attention_norm.weight},
                      {prefix + "attention_norm.bias", layer.attention_norm.bias},
                      {prefix + "ffn_norm.weight", layer.ffn_norm.weight},
                      {prefix + "ffn_norm.bias", layer.ffn_norm.bias}};
  for (const LinearRole role : layer.roles()) {
    all.emplace_back(slot_name(index, role) + ".bias", layer.dense(role).bias());
  }
  std::erase_if(all, [](const auto& named) { return !named.second.defined(); });
  return all;
}

NamedTensors small_tensors(const Model& model) {
  NamedTensors all;
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const NamedTensors some = small_tensors(model.layers()[static_cast<std::size_t>(i)], i);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void store_weight(PrunedWeights& changes, std::int64_t index, LinearRole role,
                  const DenseLinear& before, const DenseLinear& after) {
  const at::Tensor& old = before.weight();
  const at::Tensor now = after.weight();
  if (at::equal(old, now)) return changes.leave(index, role, before);
  const bool only_zeroed = now.eq(old).logical_or(now.eq(0)).all().item<bool>();
  if (only_zeroed) return changes.prune(index, role, after, now.ne(0));
  changes.replace(index, role, after, now.to(at::kCPU, at::kFloat).contiguous());
}

at::Tensor probe_tokens(const ModelSpec& spec) {
  const std::int64_t length = std::min({kProbeTokens, spec.max_positions, spec.vocab});
  return at::arange(length, at::TensorOptions().dtype(at::kLong)).unsqueeze(0);
}

bool same_embedding(const Model& a, const Model& b) {
  const at::TensorOptions longs = at::TensorOptions().dtype(at::kLong).device(a.device());
  const at::Tensor words = at::arange(a.spec().vocab, longs).unsqueeze(1);
  const at::Tensor places = at::zeros({1, a.spec().max_positions}, longs);
  return at::equal(a.embed(words), b.embed(words)) && at::equal(a.embed(places), b.embed(places));
}

/// Rows of the identity through the head show each of its columns.
bool same_head(const Model& a, const Model& b) {
  const std::int64_t width = a.spec().width;
  const at::Tensor basis = at::eye(width, at::TensorOptions().dtype(a.dtype()).device(a.device()));
  for (std::int64_t row = 0; row < width; row += kHeadRowsAtOnce) {
    const at::Tensor rows = basis.narrow(0, row, std::min(kHeadRowsAtOnce, width - row));
    if (!at::equal(a.logits(rows), b.logits(rows))) return false;
  }
  return true;
}

void require_same_outside_layers(const Model& rebuilt, const Model& after) {
  const at::Tensor tokens = probe_tokens(after.spec()).to(after.device());
  std::string what;
  if (!same_embedding(rebuilt, after)) {
    what = "the embeddings";
  } else if (!same_head(rebuilt, after)) {
    what = "the output head";
  } else if (!at::equal(rebuilt.hidden(tokens), after.hidden(tokens))) {
    what = "the final norm";
  }
  if (what.empty()) return;
  throw DoesNotApply("external: the command changed " + what +
                     "; only what is inside the layers can be taken over");
}

}  // namespace

std::vector<std::string> shape_differences(const ModelSpec& before, const ModelSpec& after) {
  const Json old = traits(before), now = traits(after);
  std::vector<std::string> texts;
  for (const auto& [name, value] : old.items()) {
    if (now.at(name) != value) {
      texts.push_back(fmt::format("{}: {} -> {}", name, value.dump(), now.at(name).dump()));
    }
  }
  return texts;
}

Artefact difference(const Model& before, const Model& after, FitContext& context) {
  const c10::InferenceMode inference;
  PrunedWeights changes(context);
  for (std::int64_t i = 0; i < before.layer_count(); ++i) {
    const Layer& old = before.layers()[static_cast<std::size_t>(i)];
    const Layer& now = after.layers()[static_cast<std::size_t>(i)];
    for (const LinearRole role : old.roles()) {
      store_weight(changes, i, role, old.dense(role), now.dense(role));
    }
  }
  Artefact artefact = changes.finish();
  const NamedTensors old = small_tensors(before), now = small_tensors(after);
  if (old.size() != now.size()) {
    throw DoesNotApply("external: the command added or removed biases or norms");
  }
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (at::equal(old[i].second, now[i].second)) continue;
    artefact.tensors[now[i].first] = now[i].second.to(at::kCPU, at::kFloat).contiguous();
  }
  Model rebuilt = before.clone();
  transplant(rebuilt, artefact);
  require_same_outside_layers(rebuilt, after);
  return artefact;
}

void transplant(Model& model, const Artefact& artefact) {
  const c10::InferenceMode inference;
  Artefact weights = artefact;
  for (auto& [name, target] : small_tensors(model)) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end()) continue;
    if (found->second.sizes() != target.sizes()) {
      throw UserError("artefact tensor '" + name + "' does not fit this model; fit again");
    }
    target.copy_(found->second);
    weights.tensors.erase(found);
  }
  apply_pruned_weights(model, weights);
}

}  // namespace assay
