// Why a cell must run: in what its key differs from the nearest stored one.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "harness/base/text.h"
#include "harness/plan/plan.h"

namespace assay {
namespace {

constexpr std::size_t kMostFields = 3;
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kShownDigits = 12;

struct Difference {
  std::string field;
  Json asked, stored;  ///< null: not there
};

// Fields of a document by path: {"/method/name": "wanda", ...}.
Json member_or_null(const Json& flat, const std::string& path) {
  const auto found = flat.find(path);
  return found == flat.end() ? Json() : *found;
}

// What a person did (an edit of method, parameters, data) says more than what follows from it.
int rank(const std::string& path) {
  static constexpr std::string_view kOrder[] = {"/model",       "/method", "/suite",
                                                "/calibration", "/seed",   "/profile"};
  for (std::size_t i = 0; i < std::size(kOrder); ++i) {
    if (path.starts_with(kOrder[i])) return static_cast<int>(i);
  }
  return static_cast<int>(std::size(kOrder));
}

std::vector<Difference> differences(const Json& asked, const Json& stored) {
  const Json a = asked.flatten();
  const Json b = stored.flatten();
  std::set<std::pair<int, std::string>> paths;
  for (const Json* document : {&a, &b}) {
    for (const auto& [path, value] : document->items()) paths.emplace(rank(path), path);
  }
  std::vector<Difference> found;
  for (const auto& [order, path] : paths) {
    Json one = member_or_null(a, path);
    Json two = member_or_null(b, path);
    if (one == two) continue;
    std::string field = path.substr(1);
    std::replace(field.begin(), field.end(), '/', '.');
    found.push_back({field, std::move(one), std::move(two)});
  }
  return found;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "none";
  if (!value.is_string()) return value.dump();
  const auto text = value.get<std::string>();
  return text.size() == kHashDigits ? text.substr(0, kShownDigits) : text;
}

}  // namespace

std::optional<Json> nearest_document(const Json& key_doc, const std::vector<Json>& stored) {
  const auto distance = [&key_doc](const Json& other) {
    return differences(key_doc, other).size();
  };
  const auto nearest = std::min_element(
      stored.begin(), stored.end(),
      [&distance](const Json& a, const Json& b) { return distance(a) < distance(b); });
  return nearest == stored.end() ? std::nullopt : std::optional<Json>(*nearest);
}

std::string explain(const Cell& cell, const std::optional<Json>& nearest) {
  if (!nearest) return "nothing like it was measured";
  std::vector<std::string> texts;
  for (const auto& [field, asked, stored] : differences(cell.key_doc, *nearest)) {
    if (texts.size() == kMostFields) {
      texts.push_back("...");
      break;
    }
    texts.push_back(fmt::format("{} differs: {}, stored {}", field, shown(asked), shown(stored)));
  }
  return texts.empty() ? "the same was measured" : join(texts, "; ");
}

}  // namespace assay
