#include "harness/export/model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/checkpoint/family.h"
#include "harness/checkpoint/tokenizer_files.h"
#include "harness/export/config_writer.h"
#include "harness/export/json_patch.h"
#include "harness/method/tensor_file.h"
#include "harness/model/stored_form.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// One number type by its names: an option's, a safetensors file's, a configuration's.
struct NumberType {
  const char* option;
  const char* stored;
  const char* config;
  at::ScalarType type;
};
constexpr NumberType kTypes[] = {{"fp32", "F32", "float32", at::kFloat},
                                 {"bf16", "BF16", "bfloat16", at::kBFloat16},
                                 {"fp16", "F16", "float16", at::kHalf}};

template <typename Same>
const NumberType& type_where(Same same) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes), same);
}

/// One tensor of the files.
struct Entry {
  Binding binding;
  const NumberType* type = nullptr;
  [[nodiscard]] std::int64_t bytes() const {
    const auto& shape = binding.shape;
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()) *
           static_cast<std::int64_t>(c10::elementSize(type->type));
  }
};

const NumberType& original_type(const Checkpoint& original, const std::string& tensor) {
  const auto& all = original.tensors();
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const StoredTensor& stored) { return stored.name == tensor; });
  // One that the original lacks is like its first matrix.
  const StoredTensor& like =
      found != all.end() ? *found : original.tensor(original.bindings().front().tensor);
  return type_where([&](const NumberType& type) { return type.stored == like.dtype; });
}

std::vector<Entry> entries_of(const Checkpoint& original, const PlainModel& model,
                              const std::string& dtype) {
  const std::string type = original.config().value("model_type", "");
  const Family& family = family_of_model_type(type, original.folder().string());
  std::vector<Entry> entries;
  for (Binding& binding : bindings_like(original.bindings(), family, model.spec)) {
    const NumberType& number =
        dtype.empty() ? original_type(original, binding.tensor)
                      : type_where([&](const NumberType& t) { return t.option == dtype; });
    entries.push_back({std::move(binding), &number});
  }
  return entries;
}

using Shards = std::vector<std::vector<Entry>>;

Shards sharded(std::vector<Entry> entries, std::int64_t limit) {
  Shards shards(1);
  std::int64_t filled = 0;
  for (Entry& entry : entries) {
    if (filled > 0 && filled + entry.bytes() > limit) {
      shards.emplace_back();
      filled = 0;
    }
    filled += entry.bytes();
    shards.back().push_back(std::move(entry));
  }
  return shards;
}

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  return fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

at::Tensor written_form(const Entry& entry, const PlainModel& model) {
  const at::Tensor whole = stored_form(entry.binding, model.spec,
                                       [&](const ParameterId& id) { return model.tensors.at(id); });
  const at::Tensor rounded = whole.to(at::kCPU, entry.type->type);
  if (rounded.isfinite().all().item<bool>()) return rounded;
  const bool was_finite = whole.isfinite().all().item<bool>();
  throw DoesNotApply(
      was_finite
          ? fmt::format("tensor '{}' has values that {} cannot hold; give --dtype bf16 or fp32",
                        entry.binding.tensor, entry.type->option)
          : fmt::format("tensor '{}' has values that are NaN or infinite", entry.binding.tensor));
}

void write_weights(const fs::path& folder, const Shards& shards, const PlainModel& model,
                   const SayProgress& progress) {
  Json map = Json::object();
  std::int64_t total = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    TensorFile file{{{"format", "pt"}}, {}};
    for (const Entry& entry : shards[i]) {
      file.tensors[entry.binding.tensor] = written_form(entry, model);
      map[entry.binding.tensor] = name;
      total += entry.bytes();
    }
    write_tensor_file(folder / name, file);
    progress(static_cast<std::int64_t>(i) + 1, std::ssize(shards));
  }
  if (shards.size() == 1) return;
  const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  write_file_atomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

std::vector<std::string> write_config(const fs::path& folder, const Checkpoint& original,
                                      const PlainModel& model, const std::string& dtype) {
  ConfigChanges changes = config_changes(original, model.spec);
  if (!dtype.empty()) {
    const auto& type = type_where([&](const NumberType& t) { return t.option == dtype; });
    changes.merge(dtype_changes(original.config(), type.config));
  }
  std::vector<std::string> texts;
  for (const auto& [key, value] : changes) {
    const auto old = original.config().find(key);
    const std::string before = old == original.config().end() ? "absent" : old->dump();
    texts.push_back(fmt::format("{}: {} -> {}", key, before, value.dump()));
  }
  write_file_atomically(folder / "config.json",
                        patched_json(read_text_file(original.folder() / "config.json"), changes));
  return texts;
}

/// As bytes: what they are links to may lie elsewhere.
void copy_other_files(const fs::path& folder, const fs::path& from) {
  std::vector<std::string> names = tokenizer_file_names();
  for (const char* name : {"generation_config.json", "chat_template.jinja", "tokenizer.model",
                           "vocab.txt", "spiece.model"}) {
    names.emplace_back(name);
  }
  for (const std::string& name : names) {
    if (!fs::is_regular_file(from / name)) continue;
    write_file_atomically(folder / name, read_text_file(from / name));
  }
}

}  // namespace

WrittenFolder write_model_folder(const fs::path& folder, const Checkpoint& original,
                                 const PlainModel& model, const FolderOptions& options,
                                 const SayProgress& progress) {
  std::vector<Entry> entries = entries_of(original, model, options.dtype);
  WrittenFolder written;
  written.dtype = entries.front().type->config;
  for (const Entry& entry : entries) written.bytes += entry.bytes();
  written.config = write_config(folder, original, model, options.dtype);
  write_weights(folder, sharded(std::move(entries), options.shard_bytes), model, progress);
  copy_other_files(folder, original.folder());
  return written;
}

}  // namespace assay
