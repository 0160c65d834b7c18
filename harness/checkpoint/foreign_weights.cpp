#include "harness/checkpoint/foreign_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/checkpoint/lfs_pointer.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// `option` is a further argument of both calls, with its comma.
std::string command(const fs::path& folder, const std::string& option) {
  const fs::path plain = (folder / "").lexically_normal().parent_path();
  const std::string from = plain.string();
  return fmt::format(
      "python -c \"from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; "
      "M.from_pretrained('{0}'{1}).save_pretrained('{0}-safetensors'); "
      "T.from_pretrained('{0}'{1}).save_pretrained('{0}-safetensors')\"",
      from, option);
}

/// A format, how its files are known, and what to do.
struct Format {
  const char* name;
  std::function<bool(const std::string&)> holds;
  std::function<std::string(const fs::path& folder, const std::string& file)> advice;
};

bool is_torch_file(const std::string& file) {
  return file.starts_with("pytorch_model") && file.ends_with(".bin");
}

// In the order in which they are looked for: a file that is nearly right comes first.
const std::vector<Format>& formats() {
  static const std::vector<Format> kFormats = {
      {"a LoRA adapter", [](const auto& file) { return file == "adapter_config.json"; },
       [](const auto&, const auto&) {
         return "merge it into its base model with PEFT (merge_and_unload(), then "
                "save_pretrained()) and give that folder";
       }},
      {"shards of safetensors without their index",
       [](const auto& file) {
         return file.starts_with("model-0") && file.ends_with(".safetensors");
       },
       [](const auto&, const auto&) {
         return "add model.safetensors.index.json, which comes with them";
       }},
      {"Mistral's own format", [](const auto& file) { return file == "consolidated.safetensors"; },
       [](const auto&, const auto&) {
         return "download model.safetensors (or its shards and their index), which Hugging Face "
                "has "
                "beside it";
       }},
      {"safetensors under another name",
       [](const auto& file) { return file.ends_with(".safetensors"); },
       [](const auto&, const auto&) {
         return "rename it to model.safetensors when it holds the whole model";
       }},
      {"PyTorch's format", is_torch_file,
       [](const auto& folder, const auto&) {
         return "convert it, where transformers is installed: " + command(folder, "");
       }},
      {"GGUF", [](const auto& file) { return file.ends_with(".gguf"); },
       [](const auto& folder, const auto& file) {
         return "take the original model, or write its dequantised weights, where transformers and "
                "gguf are installed: " +
                command(folder, ", gguf_file='" + file + "'");
       }},
      {"Meta's own format",
       [](const auto& file) { return file.ends_with(".pth") || file.ends_with(".pt"); },
       [](const auto&, const auto&) {
         return "download the Hugging Face form of the model, or convert it with transformers' "
                "convert_llama_weights_to_hf.py";
       }},
      {"TensorFlow's, JAX's or ONNX's format",
       [](const auto& file) {
         return file.ends_with(".h5") || file.ends_with(".msgpack") || file.ends_with(".onnx") ||
                file.ends_with(".ot");
       },
       [](const auto&, const auto&) {
         return "download the model's safetensors files; transformers before version 5 converts "
                ".h5 (from_tf=True) and .msgpack (from_flax=True)";
       }},
  };
  return kFormats;
}

std::string found_instead(const fs::path& folder) {
  const std::vector<std::string> files = files_of(folder);
  for (const Format& format : formats()) {
    const auto file = std::find_if(files.begin(), files.end(), format.holds);
    if (file == files.end()) continue;
    refuse_lfs_pointer(folder / *file);
    return fmt::format(". It holds {} ({}): {}", format.name, *file, format.advice(folder, *file));
  }
  return "";
}

}  // namespace

void refuse_foreign_weights(const fs::path& folder) {
  throw UserError(fmt::format(
      "{}: no weights; allowed: model.safetensors, or model.safetensors.index.json with its "
      "shards{}",
      folder.string(), found_instead(folder)));
}

void refuse_folder_without_config(const fs::path& folder) {
  throw UserError(
      fmt::format("{}: no config.json; a model is a folder with config.json and *.safetensors{}",
                  folder.string(), found_instead(folder)));
}

}  // namespace assay
