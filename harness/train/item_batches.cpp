#include "harness/train/item_batches.h"

#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "harness/base/errors.h"

namespace assay {
namespace {

at::Tensor on_device(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

std::string name_of(const LabelledItems& items) {
  return items.dataset.empty() ? "the items" : items.dataset + "/" + items.split;
}

}  // namespace

PackedTokens pack_items(const LabelledItems& items, std::span<const std::int64_t> which,
                        at::Device device) {
  std::vector<std::int64_t> tokens, types, positions;
  PackedTokens packed;
  for (const std::int64_t item : which) {
    const std::int64_t length = items.length(item);
    packed.segments.push_back({std::ssize(tokens), length, {}});
    for (const std::int32_t token : items.tokens_of(item)) tokens.push_back(token);
    for (const std::uint8_t type : items.token_types_of(item)) types.push_back(type);
    for (std::int64_t p = 0; p < length; ++p) positions.push_back(p);
  }
  packed.tokens = on_device(tokens, device);
  packed.token_types = on_device(types, device);
  packed.positions = on_device(positions, device);
  return packed;
}

at::Tensor labels_of(const LabelledItems& items, std::span<const std::int64_t> which,
                     at::Device device) {
  std::vector<std::int64_t> labels;
  for (const std::int64_t item : which) {
    labels.push_back(items.labels.at(static_cast<std::size_t>(item)));
  }
  return on_device(labels, device);
}

void require_items_for(const Model& model, const LabelledItems& items) {
  for (const std::int32_t token : items.tokens) {
    require_token(model.vocabulary(), token, name_of(items));
  }
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < items.count(); ++i) longest = std::max(longest, items.length(i));
  if (longest > model.spec().max_positions) {
    throw UserError(
        fmt::format("{}: an item has {} tokens, the model {} positions; lower max_tokens",
                    name_of(items), longest, model.spec().max_positions));
  }
  const auto classes = std::ssize(items.label_names);
  if (classes == model.output().outputs()) return;
  throw UserError(fmt::format("{}: has {} classes, the model's output scores {}", name_of(items),
                              classes, model.output().outputs()));
}

}  // namespace assay
