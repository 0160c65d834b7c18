#include "harness/checkpoint/vocabulary.h"

#include <fmt/format.h>

#include <exception>
#include <optional>

#include "harness/base/errors.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

// {"content": id, ...}
std::optional<std::string> name_in_table(const Json& table, std::int64_t token) {
  if (!table.is_object()) return std::nullopt;
  for (const auto& [name, id] : table.items()) {
    if (id == token) return name;
  }
  return std::nullopt;
}

// [{"id": id, "content": "..."}, ...]
std::optional<std::string> name_in_list(const Json& added, std::int64_t token) {
  if (!added.is_array()) return std::nullopt;
  for (const Json& entry : added) {
    const Json name = entry.is_object() ? entry.value("content", Json()) : Json();
    if (name.is_string() && entry.value("id", Json()) == token) return name.get<std::string>();
  }
  return std::nullopt;
}

std::optional<std::string> name_in_tokenizer(const Json& tokenizer, std::int64_t token) {
  if (!tokenizer.is_object()) return std::nullopt;
  if (auto name = name_in_list(tokenizer.value("added_tokens", Json()), token)) return name;
  const Json model = tokenizer.value("model", Json());
  return model.is_object() ? name_in_table(model.value("vocab", Json()), token) : std::nullopt;
}

std::optional<std::string> find_name(const fs::path& folder, std::int64_t token) {
  try {
    if (auto name = name_in_tokenizer(read_json_file(folder / "tokenizer.json"), token)) {
      return name;
    }
  } catch (const std::exception&) {
    // Only the name is lost.
  }
  for (const char* file : {"added_tokens.json", "vocab.json"}) {
    try {
      if (auto name = name_in_table(read_json_file(folder / file), token)) return name;
    } catch (const std::exception&) {
      continue;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string token_name(const Vocabulary& vocabulary, std::int64_t token) {
  const auto name = find_name(vocabulary.folder, token);
  return name ? fmt::format("token {} ({})", token, Json(*name).dump(-1, ' ', true))
              : fmt::format("token {}", token);
}

void require_token(const Vocabulary& vocabulary, std::int64_t token, const std::string& place) {
  if (token >= 0 && token < vocabulary.size) return;
  throw UserError(fmt::format(
      "{}: {} is beyond the {} rows of the model's embedding; allowed: 0 to {}. The text uses a "
      "token that the model does not have: take it out of the text, or use the model's own "
      "tokenizer",
      place, token_name(vocabulary, token), vocabulary.size, vocabulary.size - 1));
}

}  // namespace assay
