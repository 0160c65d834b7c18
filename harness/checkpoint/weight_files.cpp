#include "harness/checkpoint/weight_files.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/checkpoint/foreign_weights.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr const char* kSingleName = "model.safetensors";

/// Tensor -> shard.
using Index = std::map<std::string, std::string>;

Index read_index(const fs::path& path) {
  const Json document = read_json_file(path);
  const Json map = document.is_object() ? document.value("weight_map", Json()) : Json();
  if (!map.is_object()) {
    throw UserError(path.string() + ": 'weight_map' is missing or no object");
  }
  Index index;
  for (const auto& [tensor, file] : map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name) {
      throw UserError(fmt::format("{}: tensor '{}' is said to be in {}; allowed: a file name",
                                  path.string(), tensor, file.dump()));
    }
    index[tensor] = name;
  }
  return index;
}

std::vector<SafetensorsFile> open_shards(const fs::path& folder, const Index& index) {
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, name] : index) shards[name].push_back(tensor);
  std::vector<SafetensorsFile> files;
  for (const auto& [name, promised] : shards) {
    if (!fs::exists(folder / name)) {
      throw UserError(fmt::format("{}: shard {} is missing, which holds {} tensors, '{}' first",
                                  (folder / kIndexName).string(), name, promised.size(),
                                  promised.front()));
    }
    files.push_back(open_safetensors(folder / name));
  }
  return files;
}

/// A tensor and the file that it is taken from.
struct Choice {
  StoredTensor tensor;
  std::size_t owner = 0;
};

class Chooser {
 public:
  Chooser(fs::path index_path, const Index& index)
      : index_path_(std::move(index_path)), index_(index) {}

  void add(const SafetensorsFile& file, std::size_t owner) {
    for (const StoredTensor& tensor : file.tensors) {
      const auto entry = index_.find(tensor.name);
      // A shard that the index does not name for this tensor holds a copy that was overlaid.
      if (entry != index_.end() && entry->second != file.path.filename()) continue;
      if (chosen_.emplace(tensor.name, Choice{tensor, owner}).second) continue;
      throw UserError(
          fmt::format("{}: tensor '{}' is in another shard as well, and {} does not say which "
                      "counts; add it to 'weight_map'",
                      file.path.string(), tensor.name, index_path_.string()));
    }
  }

  void finish(WeightFiles& weights) {
    for (const auto& [tensor, file] : index_) {
      if (chosen_.contains(tensor)) continue;
      throw UserError(fmt::format("{}: tensor '{}' is said to be in {}, which does not hold it",
                                  index_path_.string(), tensor, file));
    }
    for (auto& [name, choice] : chosen_) {
      weights.tensors.push_back(std::move(choice.tensor));
      weights.owners.push_back(choice.owner);
    }
  }

 private:
  fs::path index_path_;
  const Index& index_;
  std::map<std::string, Choice> chosen_;
};

}  // namespace

WeightFiles open_weight_files(const fs::path& folder) {
  WeightFiles weights;
  Index index;
  if (fs::exists(folder / kSingleName)) {
    weights.files.push_back(open_safetensors(folder / kSingleName));
  } else if (fs::exists(folder / kIndexName)) {
    index = read_index(folder / kIndexName);
    weights.files = open_shards(folder, index);
  } else {
    refuse_foreign_weights(folder);
  }
  Chooser chooser(folder / kIndexName, index);
  for (std::size_t i = 0; i < weights.files.size(); ++i) chooser.add(weights.files[i], i);
  chooser.finish(weights);
  return weights;
}

}  // namespace assay
