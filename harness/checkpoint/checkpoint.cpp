#include "harness/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/text.h"
#include "harness/checkpoint/config_reader.h"
#include "harness/checkpoint/content_hash.h"
#include "harness/checkpoint/family.h"
#include "harness/checkpoint/foreign_weights.h"
#include "harness/checkpoint/lfs_pointer.h"
#include "harness/checkpoint/mixture_form.h"
#include "harness/checkpoint/quantised.h"
#include "harness/checkpoint/safetensors.h"
#include "harness/checkpoint/stored_head.h"
#include "harness/checkpoint/tokenizer_files.h"
#include "harness/checkpoint/weight_files.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

std::string stored_dtype(ConfigReader& config) {
  // transformers 5 renamed torch_dtype to dtype.
  return config.text("dtype", config.text("torch_dtype", ""));
}

// Relations between counts that no single key shows.
void check_counts(ConfigReader& config, const ModelSpec& spec) {
  if (spec.width % spec.shape.heads != 0 && spec.shape.head_dim * spec.shape.heads != spec.width &&
      !config.has("head_dim")) {
    config.problem("hidden_size", fmt::format("{} with {} heads", spec.width, spec.shape.heads),
                   "a multiple of the number of heads");
  }
  if (spec.shape.heads % spec.shape.kv_heads != 0) {
    config.problem("num_key_value_heads",
                   fmt::format("{} with {} heads", spec.shape.kv_heads, spec.shape.heads),
                   "a divisor of the number of heads");
  }
}

std::optional<ModelWarning> warn_of_adapter(const fs::path& folder) {
  if (!fs::exists(folder / "adapter_config.json")) return std::nullopt;
  return ModelWarning{
      "model_adapter",
      "adapter_config.json lies beside the weights, and the adapter is not applied: "
      "merge it into the weights to measure the adapted model"};
}

Json read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!fs::exists(path)) refuse_folder_without_config(folder);
  refuse_lfs_pointers(folder);
  Json config = read_json_file(path);
  if (!config.is_object()) throw UserError(path.string() + ": no JSON object");
  return config;
}

}  // namespace

ModelSpec spec_of_config(const Family& family, const std::string& place, const Json& json,
                         std::vector<ModelWarning>& warnings) {
  ConfigReader config(place, json);
  refuse_quantised_config(config);
  ModelSpec spec = family.read_spec(config);
  spec.family = family.info.name;
  spec.checkpoint_dtype = stored_dtype(config);
  if (spec.embedding_width == 0) spec.embedding_width = spec.width;
  check_counts(config, spec);
  remark_on_classes(config, spec.causal);
  judge_unread_keys(config, family.harmless);
  config.finish();
  for (const std::string& text : config.remarks()) warnings.push_back({"model_config_key", text});
  return spec;
}

struct Checkpoint::Impl {
  fs::path folder;
  Json config;
  ModelSpec spec;
  WeightFiles weights;
  std::vector<Binding> bindings;
  std::vector<ModelWarning> warnings;

  void add(std::optional<ModelWarning> warning) {
    if (warning) warnings.push_back(std::move(*warning));
  }
  void open_weights(const Family& family) {
    weights = open_weight_files(folder);
    const std::vector<StoredTensor>& tensors = weights.tensors;
    refuse_quantised_tensors(folder, tensors);
    if (has_experts(spec)) refuse_fused_experts(folder, tensors);
    add(settle_head(family, spec, tensors));
    settle_pooler(family, spec, tensors);
    bindings = bind_tensors(family, spec, tensors, folder.string());
    add(warn_of_unused(family, spec, tensors, bindings));
  }
};

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint Checkpoint::open(const fs::path& folder, bool weights) {
  auto impl = std::make_unique<Impl>();
  impl->folder = folder;
  impl->config = read_config(folder);
  const std::string place = (folder / "config.json").string();
  const Json type = impl->config.value("model_type", Json());
  const Family& family = family_of_model_type(type.is_string() ? type : "", place);
  impl->spec = spec_of_config(family, place, impl->config, impl->warnings);
  impl->add(warn_of_adapter(folder));
  if (weights) impl->open_weights(family);
  return Checkpoint(std::move(impl));
}

const fs::path& Checkpoint::folder() const { return impl_->folder; }
const ModelSpec& Checkpoint::spec() const { return impl_->spec; }
const Json& Checkpoint::config() const { return impl_->config; }
const std::vector<StoredTensor>& Checkpoint::tensors() const { return impl_->weights.tensors; }
const std::vector<Binding>& Checkpoint::bindings() const { return impl_->bindings; }
const std::vector<ModelWarning>& Checkpoint::warnings() const { return impl_->warnings; }

const StoredTensor& Checkpoint::tensor(const std::string& name) const {
  const auto& all = impl_->weights.tensors;
  const auto found =
      std::lower_bound(all.begin(), all.end(), name,
                       [](const StoredTensor& t, const std::string& n) { return t.name < n; });
  if (found != all.end() && found->name == name) return *found;
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const StoredTensor& tensor : all) names.push_back(tensor.name);
  throw UserError(impl_->folder.string() + ": " + unknown_name_message("tensor", name, names));
}

std::string Checkpoint::content_hash() const {
  std::vector<std::map<std::string, TensorContent>> contents;
  for (const SafetensorsFile& file : impl_->weights.files) {
    contents.push_back(tensor_contents(file));
  }
  std::set<std::string> used;
  for (const Binding& binding : impl_->bindings) used.insert(binding.tensor);
  Json tensors = Json::array();
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < impl_->weights.tensors.size(); ++i) {
    const StoredTensor& tensor = impl_->weights.tensors[i];
    const std::size_t file = impl_->weights.owners[i];
    const auto& [hash, nonfinite] = contents[file].at(tensor.name);
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape, hash});
    if (nonfinite == 0 || !used.contains(tensor.name)) continue;
    problems.push_back(
        fmt::format("{}: tensor '{}' has {} values that are NaN or infinite; allowed: none",
                    impl_->weights.files[file].path.string(), tensor.name, nonfinite));
  }
  if (!problems.empty()) throw UserError(problems);
  return json_hash(
      {{"tensors", tensors}, {"config", impl_->config}, {"tokenizer", tokenizer_hash()}});
}

std::string Checkpoint::tokenizer_hash() const {
  return hash_tokenizer_files(impl_->folder, impl_->config);
}

}  // namespace assay
