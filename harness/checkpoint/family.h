#pragma once
// What one family of checkpoints is: the only thing a new family has to write.

#include <map>
#include <string>
#include <vector>

#include "harness/checkpoint/binding.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/config_keys.h"
#include "harness/checkpoint/config_reader.h"

namespace assay {

/// One row of the table tensor names -> slots. `name` comes without the family's prefix and without
/// ".weight" / ".bias"; "{}" stands for the layer, a second one for the expert. Rules of an FFN's
/// slots hold for the experts of layers that have some when they have a second one, else for the
/// other layers.
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
  /// Keys by which a configuration of this model type says how a changed model differs from the
  /// original; of several names of a field the usual one first. What no key says is not exported.
  std::vector<ConfigKey> (*written)(const std::string& model_type);
  /// Keys, and their values, by which a configuration says which layers have a window, and which
  /// are plain beside mixtures of experts; null: it is `layer_types`.
  std::map<std::string, Json> (*windows)(const ModelSpec& spec) = nullptr;
};

/// All families, sorted by name. Generated from the files in families/.
const std::vector<Family>& family_table();

/// Throws UserError listing the families when none has this model_type.
const Family& family_of_model_type(const std::string& model_type, const std::string& place);

/// What a configuration of this family says. Throws UserError with everything that is wrong with
/// it.
ModelSpec spec_of_config(const Family& family, const std::string& place, const Json& config,
                         std::vector<ModelWarning>& warnings);

/// The stored tensor of the embedding or the head, whether this configuration uses it or not; null
/// when there is none.
const StoredTensor* stored_tensor_of(const Family& family, const ModelSpec& spec, Slot slot,
                                     const std::vector<StoredTensor>& tensors);

/// Finds a tensor for each rule. Throws UserError listing every missing tensor, every wrong shape
/// and every unusable element type together.
std::vector<Binding> bind_tensors(const Family& family, const ModelSpec& spec,
                                  const std::vector<StoredTensor>& tensors,
                                  const std::string& place);

/// The tensors of a file that holds a model of this shape under the names that `original` has.
std::vector<Binding> bindings_like(const std::vector<Binding>& original, const Family& family,
                                   const ModelSpec& spec);

}  // namespace assay
