#include "harness/suite/prepared.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/data/prepared_folder.h"

namespace assay {
namespace {

constexpr int kFormatVersion = 1;
constexpr const char* kItems = "items.json";

using Tokens = std::vector<std::int64_t>;

ScoredRequest read_request(const PreparedFolder& folder, const Json& json, const Tokens& shared) {
  ScoredRequest request;
  request.tokens = shared;
  for (const Json& token : json.at("tokens")) request.tokens.push_back(token.get<std::int64_t>());
  request.scored_from = json.at("scored_from").get<std::int64_t>();
  request.length = json.at("length").get<double>();
  if (request.scored_from < 1 || request.scored_from >= std::ssize(request.tokens)) {
    folder.fail(kItems, fmt::format("scored_from is {} in a request of {} tokens",
                                    request.scored_from, request.tokens.size()));
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

PreparedItem read_item(const PreparedFolder& folder, const Json& json,
                       const std::vector<Tokens>& shared) {
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
    item.requests.push_back(read_request(folder, request, start));
  }
  if (item.gold < 0 || item.gold >= std::ssize(item.requests)) {
    folder.fail(kItems, fmt::format("gold is {} in an item of {} requests", item.gold,
                                    item.requests.size()));
  }
  return item;
}

}  // namespace

PreparedStream read_prepared_stream(const std::filesystem::path& path,
                                    const Vocabulary& vocabulary) {
  const PreparedFolder folder(path, "stream");
  const auto tokens = folder.read_array<std::int32_t>("tokens.bin", folder.count("tokens"));
  PreparedStream stream;
  stream.tokens = at::empty({std::ssize(tokens)}, at::kLong);
  auto* out = stream.tokens.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    out[i] = tokens[i];
    if (tokens[i] >= 0 && tokens[i] < vocabulary.size) continue;
    require_token(vocabulary, tokens[i],
                  fmt::format("{}, token {} of the stream", folder.text_name(), i + 1));
  }
  return stream;
}

PreparedItems read_prepared_items(const std::filesystem::path& path, const Vocabulary& vocabulary) {
  const PreparedFolder folder(path, "items");
  const Json document = parse_json(folder.read(kItems), (path / kItems).string());
  return folder.reading(kItems, [&] {
    if (document.at("version").get<int>() != kFormatVersion) {
      folder.fail(kItems, "another format version");
    }
    const auto shared = document.value("shared", std::vector<Tokens>{});
    PreparedItems prepared;
    prepared.metrics = document.at("metrics").get<std::vector<std::string>>();
    for (const Json& item : document.at("items")) {
      prepared.items.push_back(read_item(folder, item, shared));
      const std::string& place = prepared.items.back().place;
      require_tokens(
          prepared.items.back(), vocabulary,
          fmt::format("{}, {}", folder.text_name(),
                      place.empty() ? fmt::format("item {}", prepared.items.size()) : place));
    }
    if (prepared.items.empty()) folder.fail(kItems, "no items");
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
