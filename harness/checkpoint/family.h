#pragma once
// What one family of checkpoints is: the only thing a new family has to write.

#include <string>
#include <vector>

#include "harness/checkpoint/binding.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/config_keys.h"
#include "harness/checkpoint/config_reader.h"

namespace assay {

/// One row of the table tensor names -> slots. `name` comes without the family's prefix and without
/// ".weight" / ".bias"; "{}" stands for the layer.
struct TensorRule {
  const char* name;
  SlotList slots;
  bool bias = false;  ///< ".bias" is there as well
  TensorLayout layout = TensorLayout::kPlain;
  bool used = true;  ///< false: this configuration has no such tensor
};

/// Both tables of a family.
struct Family {
  FamilyInfo info;
  /// Values of config.json -> spec. Problems go to the reader, which reports them together.
  ModelSpec (*read_spec)(ConfigReader& config);
  std::vector<TensorRule> (*tensors)(const ModelSpec& spec);
  /// Prefixes that the names may carry, the usual one first.
  std::vector<std::string> prefixes;
  /// Keys of its configurations that change no logit; those that any model may carry are known.
  std::vector<HarmlessKey> harmless;
};

/// All families, sorted by name. Generated from the files in families/.
const std::vector<Family>& family_table();

/// Throws UserError listing the families when none has this model_type.
const Family& family_of_model_type(const std::string& model_type, const std::string& place);

/// The stored tensor of the embedding or the head, whether this configuration uses it or not; null
/// when there is none.
const StoredTensor* stored_tensor_of(const Family& family, const ModelSpec& spec, Slot slot,
                                     const std::vector<StoredTensor>& tensors);

/// Finds a tensor for each rule. Throws UserError listing every missing tensor, every wrong shape
/// and every unusable element type together.
std::vector<Binding> bind_tensors(const Family& family, const ModelSpec& spec,
                                  const std::vector<StoredTensor>& tensors,
                                  const std::string& place);

}  // namespace assay
