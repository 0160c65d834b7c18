#include "harness/checkpoint/tokenizer_files.h"

#include <fmt/format.h>

#include <array>

#include "harness/base/hashing.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::array kConfigKeys = {"model_type", "tokenizer_class"};
// Vocabularies in forms that only transformers reads.
constexpr std::array kOtherForms = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                    "tiktoken.model",  "tekken.json",  "vocab.txt"};

}  // namespace

std::string hash_tokenizer_files(const fs::path& folder, const Json& config) {
  Json files = Json::object();
  for (const std::string& name : tokenizer_file_names()) {
    std::error_code missing;
    if (fs::exists(folder / name, missing)) files[name] = sha256_file(folder / name);
  }
  if (files.empty()) return "";
  Json said = Json::object();
  for (const char* key : kConfigKeys) said[key] = config.value(key, Json());
  return json_hash({{"config", said}, {"files", files}});
}

std::string tokenizer_problem(const fs::path& folder) {
  std::error_code missing;
  const auto has = [&](const char* name) { return fs::exists(folder / name, missing); };
  if (has("tokenizer.json") || (has("vocab.json") && has("merges.txt"))) return "";
  std::string found = "no tokenizer.json";
  for (const char* name : kOtherForms) {
    if (has(name)) found = fmt::format("{}, but no tokenizer.json", name);
  }
  if (has("vocab.json")) found = "vocab.json, but neither merges.txt nor tokenizer.json";
  return fmt::format(
      "{}: {}, so no text can be read; copy tokenizer.json from where the model came from, or let "
      "transformers write it: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)",
      folder.string(), found);
}

}  // namespace assay
