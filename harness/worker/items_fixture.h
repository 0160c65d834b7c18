#pragma once
// Test support: prepared items, as `prepare-items` leaves them.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {

/// A candidate answer behind its context.
inline Json request_json(const std::vector<std::int64_t>& tokens, std::int64_t scored_from) {
  return {{"tokens", tokens}, {"scored_from", scored_from}, {"length", 1}};
}

inline void write_items(const std::filesystem::path& folder, const Json& items,
                        const Json& shared = Json::array()) {
  const Json document = {{"version", 1},
                         {"task", "piqa"},
                         {"metrics", Json::array({"acc"})},
                         {"shared", shared},
                         {"items", items}};
  const std::string text = document.dump();
  const Json manifest = {{"version", 1},
                         {"format", "items"},
                         {"notes", {{{"code", "data_not_pinned"}, {"text", "another file"}}}},
                         {"files", {{"items.json", sha256_hex(text)}}}};
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "manifest.json") << manifest.dump();
  std::ofstream(folder / "items.json") << text;
}

/// `count` questions of two answers; number i has a context of 2 + i tokens and a right answer of
/// 1 + i % 3, all of them i or, in the answer, 50 + i; the wrong answer comes first in every other
/// one.
inline Json numbered_items(std::int64_t count) {
  Json items = Json::array();
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<std::int64_t> right(static_cast<std::size_t>(2 + i), i), wrong = right;
    right.insert(right.end(), static_cast<std::size_t>(1 + i % 3), 50 + i);
    wrong.push_back(90);
    Json requests = Json::array({request_json(right, 2 + i), request_json(wrong, 2 + i)});
    if (i % 2 == 1) std::swap(requests[0], requests[1]);
    items.push_back({{"hash", std::to_string(i)},
                     {"gold", i % 2},
                     {"place", "piqa.jsonl:" + std::to_string(i + 1)},
                     {"requests", requests}});
  }
  return items;
}

}  // namespace assay
