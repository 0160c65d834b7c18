#pragma once
// What networks are trained on and judged by: windows of text for a decoder, labelled items for an
// encoder.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>

#include "harness/base/json.h"
#include "harness/data/labelled_items.h"
#include "harness/data/training_text.h"
#include "harness/model/model.h"

namespace assay::subnetwork {

/// What a model's output reads of a batch, and which score should be the highest.
struct OutputRows {
  at::Tensor rows;     ///< [n, width] of the model
  at::Tensor targets;  ///< int64 [n], on the model's device
};

class Material {
 public:
  virtual ~Material() = default;
  [[nodiscard]] virtual std::int64_t items() const = 0;
  /// Runs the model up to its output, with a graph where gradients are recorded.
  [[nodiscard]] virtual OutputRows run(const Model& model,
                                       std::span<const std::int64_t> items) const = 0;
  /// Says which data this is.
  [[nodiscard]] virtual Json identity() const = 0;
};

/// Windows `first` to `first + count` of a text. A row's target is the next token; the last row of
/// a window, which has none, is left out. Throws UserError for tokens that the model does not have.
std::unique_ptr<Material> text_material(const Model& model, const TrainingText& text,
                                        std::int64_t first, std::int64_t count);

/// Labelled items, one row each: what the classifier reads. Throws UserError where the model has
/// other classes or no room for the longest item.
std::unique_ptr<Material> item_material(const Model& model, LabelledItems items);

}  // namespace assay::subnetwork
