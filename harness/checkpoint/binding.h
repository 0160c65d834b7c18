#pragma once
// Where the tensors of a checkpoint go in a model.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "harness/checkpoint/slot.h"
#include "harness/checkpoint/spec.h"

namespace assay {

/// The slots whose rows one stored tensor holds, one after the other; mostly one.
class SlotList {
 public:
  SlotList(Slot one) : slots_{one} {}  // NOLINT(google-explicit-constructor): tables read better
  SlotList(std::initializer_list<Slot> several) : slots_(several) {}
  [[nodiscard]] Slot front() const { return slots_.front(); }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] auto begin() const { return slots_.begin(); }
  [[nodiscard]] auto end() const { return slots_.end(); }

 private:
  std::vector<Slot> slots_;
};

/// How the stored tensor relates to [out, in] rows in the order of its slots.
enum class TensorLayout {
  kPlain,
  kTransposed,  ///< weights are [in, out] (GPT-2's Conv1D); biases are plain
  kGrouped,     ///< rows are [kv_heads, heads / kv_heads + 2, head_dim]: each group's q, then k, v
};

/// One stored tensor and its place.
struct Binding {
  SlotList slots;
  bool bias = false;
  std::int64_t layer = -1;  ///< -1: not of a layer
  TensorLayout layout = TensorLayout::kPlain;
  std::string tensor;               ///< name in the file
  std::vector<std::int64_t> shape;  ///< as stored
  std::int64_t expert = -1;         ///< whose slots they are; -1: of none
};

/// Shape of a tensor with the rows of these slots, before any layout: [out, in], [out] for biases
/// and norms.
std::vector<std::int64_t> rows_shape(const ModelSpec& spec, const SlotList& slots,
                                     std::int64_t layer, bool bias);

/// The same as stored: a transposed weight is [in, out].
std::vector<std::int64_t> stored_shape(const ModelSpec& spec, const SlotList& slots,
                                       std::int64_t layer, bool bias, TensorLayout layout);

}  // namespace assay
