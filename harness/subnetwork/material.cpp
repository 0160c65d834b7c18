#include "harness/subnetwork/material.h"

#include <ATen/ops/tensor.h>

#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/model/mixing_input.h"
#include "harness/train/item_batches.h"

namespace assay::subnetwork {
namespace {

class Windows final : public Material {
 public:
  explicit Windows(at::Tensor windows) : windows_(std::move(windows)) {}
  [[nodiscard]] std::int64_t items() const override { return windows_.size(0); }

  [[nodiscard]] OutputRows run(const Model& model,
                               std::span<const std::int64_t> items) const override {
    const at::Tensor index =
        at::tensor(std::vector<std::int64_t>(items.begin(), items.end()), at::kLong);
    const at::Tensor tokens = windows_.index_select(0, index).to(model.device());
    const std::int64_t batch = tokens.size(0), known = tokens.size(1) - 1;
    const at::Tensor rows = model.hidden(tokens).view({batch, known + 1, -1}).narrow(1, 0, known);
    return {rows.flatten(0, 1), tokens.narrow(1, 1, known).flatten()};
  }

  [[nodiscard]] Json identity() const override {
    Sha256 hash;
    hash.update(
        std::span(static_cast<const std::byte*>(windows_.const_data_ptr()), windows_.nbytes()));
    return {{"windows", hash.hex()}, {"tokens", windows_.size(1)}};
  }

 private:
  at::Tensor windows_;  ///< int64 [items, tokens]
};

class Items final : public Material {
 public:
  explicit Items(LabelledItems items) : items_(std::move(items)) {}
  [[nodiscard]] std::int64_t items() const override { return items_.count(); }

  [[nodiscard]] OutputRows run(const Model& model,
                               std::span<const std::int64_t> items) const override {
    if (mixes_sequences(model)) {
      throw DoesNotApply(
          "this model runs several sequences as one, and a part of it is judged by each of them; "
          "let the method that mixes them come last");
    }
    const PackedTokens packed = pack_items(items_, items, model.device());
    return {output_input(model, model.hidden_packed(packed), packed),
            labels_of(items_, items, model.device())};
  }

  [[nodiscard]] Json identity() const override { return {{"items", items_.content_hash()}}; }

 private:
  LabelledItems items_;
};

}  // namespace

std::unique_ptr<Material> text_material(const Model& model, const TrainingText& text,
                                        std::int64_t first, std::int64_t count) {
  const std::span<const std::int32_t> part = text.part(first, count);
  for (const std::int32_t token : part) require_token(model.vocabulary(), token, "training text");
  return std::make_unique<Windows>(
      at::tensor(std::vector<std::int64_t>(part.begin(), part.end()), at::kLong)
          .view({count, text.window}));
}

std::unique_ptr<Material> item_material(const Model& model, LabelledItems items) {
  require_items_for(model, items);
  return std::make_unique<Items>(std::move(items));
}

}  // namespace assay::subnetwork
