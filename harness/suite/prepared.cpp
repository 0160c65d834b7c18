#include "harness/suite/prepared.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace {

constexpr int kFormatVersion = 1;
static_assert(std::endian::native == std::endian::little, "prepared token files are little-endian");

using Path = std::filesystem::path;

[[noreturn]] void fail(const Path& path, const std::string& problem) {
  throw FileError(
      fmt::format("{}: {}; remove the folder to have it prepared again", path.string(), problem));
}

/// Runs `read`, and turns wrong types and missing keys into an error that names the file.
template <typename Read>
auto reading(const Path& path, Read read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    fail(path, error.what());
  }
}

Json read_manifest(const Path& folder, const std::string& format) {
  const Path path = folder / "manifest.json";
  Json manifest = read_json_file(path);
  return reading(path, [&] {
    const int version = manifest.at("version").get<int>();
    if (version != kFormatVersion) {
      fail(path, fmt::format("version is {}, this program reads {}", version, kFormatVersion));
    }
    const auto found = manifest.at("format").get<std::string>();
    if (found != format) {
      throw UserError(
          fmt::format("{}: holds a {}, this suite needs {}", path.string(), found, format));
    }
    for (const auto& [name, hash] : manifest.at("files").items()) {
      const std::string actual = sha256_file(folder / name);
      if (actual != hash.get<std::string>()) {
        fail(folder / name, "content differs from its hash in manifest.json");
      }
    }
    return manifest;
  });
}

/// "wikitext2/test", as far as the manifest says it.
std::string text_name(const Json& manifest) {
  return manifest.value("dataset", "a text") + "/" + manifest.value("split", "");
}

using Tokens = std::vector<std::int64_t>;

ScoredRequest read_request(const Path& path, const Json& json, const Tokens& shared) {
  ScoredRequest request;
  request.tokens = shared;
  for (const Json& token : json.at("tokens")) request.tokens.push_back(token.get<std::int64_t>());
  request.scored_from = json.at("scored_from").get<std::int64_t>();
  request.length = json.at("length").get<double>();
  if (request.scored_from < 1 || request.scored_from >= std::ssize(request.tokens)) {
    fail(path, fmt::format("scored_from is {} in a request of {} tokens", request.scored_from,
                           request.tokens.size()));
  }
  return request;
}

void require_tokens(const PreparedItem& item, const Vocabulary& vocabulary,
                    const std::string& place) {
  for (std::size_t r = 0; r < item.requests.size(); ++r) {
    const Tokens& tokens = item.requests[r].tokens;
    const auto beyond = [&](std::int64_t t) { return t < 0 || t >= vocabulary.size; };
    const auto found = std::find_if(tokens.begin(), tokens.end(), beyond);
    if (found == tokens.end()) continue;
    require_token(vocabulary, *found,
                  fmt::format("{}, answer {}, token {} of its prompt", place, r + 1,
                              found - tokens.begin() + 1));
  }
}

PreparedItem read_item(const Path& path, const Json& json, const std::vector<Tokens>& shared) {
  static const Tokens kNothing;
  PreparedItem item;
  item.hash = json.at("hash").get<std::string>();
  item.gold = json.at("gold").get<std::int64_t>();
  item.task = json.value("task", "");
  item.group = json.value("group", "");
  item.spans = json.value("spans", false);
  item.place = json.value("place", "");
  const bool has_shared = json.contains("shared");
  const Tokens& start = has_shared ? shared.at(json.at("shared").get<std::size_t>()) : kNothing;
  for (const Json& request : json.at("requests")) {
    item.requests.push_back(read_request(path, request, start));
  }
  if (item.gold < 0 || item.gold >= std::ssize(item.requests)) {
    fail(path,
         fmt::format("gold is {} in an item of {} requests", item.gold, item.requests.size()));
  }
  return item;
}

}  // namespace

std::vector<PreparedNote> read_prepared_notes(const Path& folder) {
  const Path path = folder / "manifest.json";
  const Json manifest = read_json_file(path);
  return reading(path, [&] {
    std::vector<PreparedNote> notes;
    for (const Json& note : manifest.value("notes", Json::array())) {
      notes.push_back({note.at("code").get<std::string>(), note.at("text").get<std::string>()});
    }
    return notes;
  });
}

PreparedStream read_prepared_stream(const Path& folder, const Vocabulary& vocabulary) {
  const Json manifest = read_manifest(folder, "stream");
  const Path path = folder / "tokens.bin";
  const std::string bytes = read_text_file(path);
  const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(std::int32_t));
  return reading(path, [&] {
    if (!manifest.at("files").contains("tokens.bin") ||
        count != manifest.at("tokens").get<std::int64_t>()) {
      fail(path, "its size differs from the number of tokens in manifest.json");
    }
    PreparedStream stream;
    stream.tokens = at::empty({count}, at::kLong);
    auto* out = stream.tokens.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      std::int32_t token = 0;
      std::memcpy(&token, bytes.data() + i * sizeof(token), sizeof(token));
      out[i] = token;
      if (token >= 0 && token < vocabulary.size) continue;
      require_token(vocabulary, token,
                    fmt::format("{}, token {} of the stream", text_name(manifest), i + 1));
    }
    return stream;
  });
}

PreparedItems read_prepared_items(const Path& folder, const Vocabulary& vocabulary) {
  const Json manifest = read_manifest(folder, "items");
  const Path path = folder / "items.json";
  if (!manifest.at("files").contains("items.json")) fail(path, "not listed in manifest.json");
  const Json document = read_json_file(path);
  return reading(path, [&] {
    if (document.at("version").get<int>() != kFormatVersion) fail(path, "another format version");
    const auto shared = document.value("shared", std::vector<Tokens>{});
    PreparedItems prepared;
    prepared.metrics = document.at("metrics").get<std::vector<std::string>>();
    for (const Json& item : document.at("items")) {
      prepared.items.push_back(read_item(path, item, shared));
      const std::string& place = prepared.items.back().place;
      require_tokens(
          prepared.items.back(), vocabulary,
          fmt::format("{}, {}", text_name(manifest),
                      place.empty() ? fmt::format("item {}", prepared.items.size()) : place));
    }
    if (prepared.items.empty()) fail(path, "no items");
    return prepared;
  });
}

ParamSpec limit_param() {
  ParamSpec limit;
  limit.name = "limit";
  limit.type = ParamType::kInt;
  limit.default_value = 0;
  limit.help = "Score only the first items of each subtask; 0 scores all";
  limit.unit = "items";
  limit.min = 0;
  return limit;
}

void limit_items(PreparedItems& prepared, std::int64_t limit) {
  if (limit == 0) return;
  std::map<std::string, std::int64_t> taken;
  std::erase_if(prepared.items,
                [&](const PreparedItem& item) { return ++taken[item.task] > limit; });
}

}  // namespace assay
