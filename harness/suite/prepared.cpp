#include "harness/suite/prepared.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace {

constexpr int kFormatVersion = 1;
static_assert(std::endian::native == std::endian::little, "prepared token files are little-endian");

using Path = std::filesystem::path;

[[noreturn]] void fail(const Path& path, const std::string& problem) {
  throw UserError(
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

void check_token(const Path& path, std::int64_t token, std::int64_t vocab) {
  if (token >= 0 && token < vocab) return;
  throw UserError(
      fmt::format("{}: token {} is outside the model's vocabulary of {}; the data was "
                  "prepared with another tokenizer",
                  path.string(), token, vocab));
}

using Tokens = std::vector<std::int64_t>;

ScoredRequest read_request(const Path& path, const Json& json, const Tokens& shared,
                           std::int64_t vocab) {
  ScoredRequest request;
  request.tokens = shared;
  for (const Json& token : json.at("tokens")) {
    request.tokens.push_back(token.get<std::int64_t>());
    check_token(path, request.tokens.back(), vocab);
  }
  request.scored_from = json.at("scored_from").get<std::int64_t>();
  request.length = json.at("length").get<double>();
  if (request.scored_from < 1 || request.scored_from >= std::ssize(request.tokens)) {
    fail(path, fmt::format("scored_from is {} in a request of {} tokens", request.scored_from,
                           request.tokens.size()));
  }
  return request;
}

PreparedItem read_item(const Path& path, const Json& json, const std::vector<Tokens>& shared,
                       std::int64_t vocab) {
  static const Tokens kNothing;
  PreparedItem item;
  item.hash = json.at("hash").get<std::string>();
  item.gold = json.at("gold").get<std::int64_t>();
  item.task = json.value("task", "");
  item.group = json.value("group", "");
  const bool has_shared = json.contains("shared");
  const Tokens& start = has_shared ? shared.at(json.at("shared").get<std::size_t>()) : kNothing;
  for (const Json& request : json.at("requests")) {
    item.requests.push_back(read_request(path, request, start, vocab));
  }
  if (item.gold < 0 || item.gold >= std::ssize(item.requests)) {
    fail(path,
         fmt::format("gold is {} in an item of {} requests", item.gold, item.requests.size()));
  }
  return item;
}

}  // namespace

PreparedStream read_prepared_stream(const Path& folder, std::int64_t vocab) {
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
      check_token(path, token, vocab);
      out[i] = token;
    }
    stream.notes = manifest.value("notes", std::vector<std::string>{});
    return stream;
  });
}

PreparedItems read_prepared_items(const Path& folder, std::int64_t vocab) {
  const Json manifest = read_manifest(folder, "items");
  const Path path = folder / "items.json";
  if (!manifest.at("files").contains("items.json")) fail(path, "not listed in manifest.json");
  const Json document = read_json_file(path);
  return reading(path, [&] {
    if (document.at("version").get<int>() != kFormatVersion) fail(path, "another format version");
    const auto shared = document.value("shared", std::vector<Tokens>{});
    for (const Tokens& tokens : shared) {
      for (const std::int64_t token : tokens) check_token(path, token, vocab);
    }
    PreparedItems prepared;
    prepared.metrics = document.at("metrics").get<std::vector<std::string>>();
    for (const Json& item : document.at("items")) {
      prepared.items.push_back(read_item(path, item, shared, vocab));
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
