#include "harness/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/display.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

void refuse_non_finite(const Json& node) {
  if (node.is_number_float() && !std::isfinite(node.get<double>())) {
    throw UserError("a document with NaN or infinity has no canonical form");
  }
  if (node.is_structured()) {
    for (const auto& child : node) refuse_non_finite(child);
  }
}

/// Follows the characters of a document and counts what is open.
class Depth {
 public:
  /// False when `c` opens one level too many.
  bool take(char c) {
    if (in_text_) {
      in_text_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      return true;
    }
    if (c == '"') in_text_ = true;
    if (c == '[' || c == '{') return ++open_ <= kDeepestJson;
    if ((c == ']' || c == '}') && open_ > 0) --open_;
    return true;
  }

 private:
  std::size_t open_ = 0;
  bool in_text_ = false, escaped_ = false;
};

[[noreturn]] void fail_json(const std::string& place, std::size_t byte, const std::string& what) {
  throw JsonError(byte, place.empty() ? what : fmt::format("{}: {}", place, what));
}

/// Up to the first error of the parser this counts what the parser would.
void check_depth(std::string_view text, const std::string& place) {
  Depth depth;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (depth.take(text[i])) continue;
    fail_json(place, i,
              fmt::format("arrays and objects of JSON lie in each other to more than {} levels; "
                          "allowed: {}",
                          kDeepestJson, kDeepestJson));
  }
}

/// The library repeats what it read last, however long that is.
std::string invalid(std::string_view what) {
  constexpr std::size_t kLongest = 300;
  const bool all = what.size() <= kLongest;
  return fmt::format("not valid JSON ({}{})",
                     all ? std::string(what) : visible(what.substr(0, kLongest)),
                     all ? "" : " ...");
}

}  // namespace

Json parse_json(std::string_view text, const std::string& place) {
  check_depth(text, place);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail_json(place, error.byte, invalid(error.what()));
  } catch (const Json::exception& error) {  // a number that no double holds
    fail_json(place, 0, invalid(error.what()));
  }
}

Json try_parse_json(std::string_view text) {
  try {
    return parse_json(text);
  } catch (const JsonError&) {
    return Json(Json::value_t::discarded);
  }
}

std::string canonical_json(const Json& document) {
  refuse_non_finite(document);
  try {
    return document.dump(-1, ' ', false, Json::error_handler_t::strict);
  } catch (const Json::type_error& error) {
    throw UserError(std::string("text is not UTF-8: ") + error.what());
  }
}

std::string json_hash(const Json& document) { return sha256_hex(canonical_json(document)); }

Json read_json_file(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  try {
    return parse_json(text);
  } catch (const JsonError& error) {
    const std::size_t at = std::min(error.byte(), text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
    throw FileError(fmt::format("{}:{}: {}", path.string(), line, error.what()));
  }
}

}  // namespace assay
