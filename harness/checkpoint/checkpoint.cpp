#include "harness/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/text.h"
#include "harness/checkpoint/config_reader.h"
#include "harness/checkpoint/content_hash.h"
#include "harness/checkpoint/family.h"
#include "harness/checkpoint/safetensors.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

std::string stored_dtype(ConfigReader& config) {
  // transformers 5 renamed torch_dtype to dtype.
  return config.text("dtype", config.text("torch_dtype", ""));
}

// Relations between counts that no single key shows.
void check_counts(ConfigReader& config, const ModelSpec& spec) {
  if (spec.width % spec.heads != 0 && spec.head_dim * spec.heads != spec.width &&
      !config.has("head_dim")) {
    config.problem("hidden_size", fmt::format("{} with {} heads", spec.width, spec.heads),
                   "a multiple of the number of heads");
  }
  if (spec.heads % spec.kv_heads != 0) {
    config.problem("num_key_value_heads",
                   fmt::format("{} with {} heads", spec.kv_heads, spec.heads),
                   "a divisor of the number of heads");
  }
}

ModelSpec read_spec(const Family& family, const std::string& place, const Json& json) {
  ConfigReader config(place, json);
  ModelSpec spec = family.read_spec(config);
  spec.family = family.info.name;
  spec.checkpoint_dtype = stored_dtype(config);
  if (spec.embedding_width == 0) spec.embedding_width = spec.width;
  check_counts(config, spec);
  config.finish();
  return spec;
}

std::vector<SafetensorsFile> open_shards(const fs::path& folder) {
  const fs::path index_path = folder / kIndexName;
  const Json index = read_json_file(index_path);
  const Json map = index.is_object() ? index.value("weight_map", Json()) : Json();
  if (!map.is_object()) {
    throw UserError(index_path.string() + ": 'weight_map' is missing or no object");
  }
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, file] : map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name) {
      throw UserError(fmt::format("{}: tensor '{}' is said to be in {}; allowed: a file name",
                                  index_path.string(), tensor, file.dump()));
    }
    shards[name].insert(tensor);
  }
  std::vector<SafetensorsFile> files;
  for (const auto& [name, promised] : shards) {
    if (!fs::exists(folder / name)) {
      throw UserError(fmt::format("{}: shard {} is missing, which holds {} tensors, '{}' first",
                                  index_path.string(), name, promised.size(), *promised.begin()));
    }
    files.push_back(open_safetensors(folder / name));
  }
  return files;
}

std::vector<SafetensorsFile> open_files(const fs::path& folder) {
  if (fs::exists(folder / kSingleName)) return {open_safetensors(folder / kSingleName)};
  if (fs::exists(folder / kIndexName)) return open_shards(folder);
  throw UserError(fmt::format(
      "{}: no weights; allowed: {}, or {} with its shards (convert other formats to safetensors)",
      folder.string(), kSingleName, kIndexName));
}

std::vector<StoredTensor> all_tensors(const std::vector<SafetensorsFile>& files) {
  std::map<std::string, StoredTensor> sorted;
  for (const SafetensorsFile& file : files) {
    for (const StoredTensor& tensor : file.tensors) {
      if (sorted.emplace(tensor.name, tensor).second) continue;
      throw UserError(fmt::format("{}: tensor '{}' is in another shard as well", file.path.string(),
                                  tensor.name));
    }
  }
  std::vector<StoredTensor> tensors;
  for (auto& [name, tensor] : sorted) tensors.push_back(std::move(tensor));
  return tensors;
}

std::int64_t largest_token(const Json& tokenizer) {
  std::int64_t largest = -1;
  const auto see = [&](const Json& id) {
    if (id.is_number_integer()) largest = std::max(largest, id.get<std::int64_t>());
  };
  const Json model = tokenizer.value("model", Json::object());
  const Json vocab = model.is_object() ? model.value("vocab", Json()) : Json();
  if (vocab.is_object()) {
    for (const auto& [token, id] : vocab.items()) see(id);
  } else if (vocab.is_array()) {  // Unigram: ids are places in the list
    largest = static_cast<std::int64_t>(vocab.size()) - 1;
  }
  const Json added = tokenizer.value("added_tokens", Json::array());
  for (const Json& token : added) see(token.value("id", Json()));
  return largest;
}

void check_tokenizer(const fs::path& path, std::int64_t vocab) {
  if (!fs::exists(path)) return;
  const Json tokenizer = read_json_file(path);
  if (!tokenizer.is_object()) throw UserError(path.string() + ": no JSON object");
  const std::int64_t largest = largest_token(tokenizer);
  if (largest < vocab) return;
  throw UserError(fmt::format(
      "{}: largest token id {} is beyond the {} rows of the embedding; allowed: up to {}. The "
      "tokenizer belongs to another model",
      path.string(), largest, vocab, vocab - 1));
}

}  // namespace

struct Checkpoint::Impl {
  fs::path folder;
  Json config;
  ModelSpec spec;
  std::vector<SafetensorsFile> files;
  std::vector<StoredTensor> tensors;  // of all files, sorted by name
  std::vector<Binding> bindings;
};

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint Checkpoint::open(const fs::path& folder, bool weights) {
  const fs::path config_path = folder / "config.json";
  if (!fs::exists(config_path)) {
    throw UserError(
        fmt::format("{}: no config.json; a model is a folder with config.json and *.safetensors",
                    folder.string()));
  }
  auto impl = std::make_unique<Impl>();
  impl->folder = folder;
  impl->config = read_json_file(config_path);
  const std::string place = config_path.string();
  if (!impl->config.is_object()) throw UserError(place + ": no JSON object");
  const Json type = impl->config.value("model_type", Json());
  const Family& family = family_of_model_type(type.is_string() ? type : "", place);
  impl->spec = read_spec(family, place, impl->config);
  if (weights) {
    impl->files = open_files(folder);
    impl->tensors = all_tensors(impl->files);
    impl->bindings = bind_tensors(family, impl->spec, impl->tensors, folder.string());
  }
  check_tokenizer(folder / "tokenizer.json", impl->spec.vocab);
  return Checkpoint(std::move(impl));
}

const fs::path& Checkpoint::folder() const { return impl_->folder; }
const ModelSpec& Checkpoint::spec() const { return impl_->spec; }
const Json& Checkpoint::config() const { return impl_->config; }
const std::vector<StoredTensor>& Checkpoint::tensors() const { return impl_->tensors; }
const std::vector<Binding>& Checkpoint::bindings() const { return impl_->bindings; }

const StoredTensor& Checkpoint::tensor(const std::string& name) const {
  const auto& all = impl_->tensors;
  const auto found =
      std::lower_bound(all.begin(), all.end(), name,
                       [](const StoredTensor& t, const std::string& n) { return t.name < n; });
  if (found != all.end() && found->name == name) return *found;
  std::vector<std::string> names;
  for (const StoredTensor& tensor : all) names.push_back(tensor.name);
  throw UserError(impl_->folder.string() + ": " + unknown_name_message("tensor", name, names));
}

std::string Checkpoint::content_hash() const {
  std::map<std::string, std::string> hashes;
  for (const SafetensorsFile& file : impl_->files) hashes.merge(tensor_hashes(file));
  Json tensors = Json::array();
  for (const StoredTensor& tensor : impl_->tensors) {
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape, hashes.at(tensor.name)});
  }
  return json_hash(
      {{"tensors", tensors}, {"config", impl_->config}, {"tokenizer", tokenizer_hash()}});
}

std::string Checkpoint::tokenizer_hash() const {
  const fs::path path = impl_->folder / "tokenizer.json";
  return fs::exists(path) ? sha256_file(path) : "";
}

}  // namespace assay
