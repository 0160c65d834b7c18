#pragma once
// JSON documents. Objects keep sorted keys, so the canonical form is a plain dump.
//
// Texts that come from outside (files, databases, options, other processes) are parsed here and
// nowhere else: what walks over a document goes down a level for each of its own, and the depth is
// bounded before anything does.

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "harness/base/cell_errors.h"

namespace assay {

using Json = nlohmann::json;

/// Arrays and objects in each other that a text from outside may have.
inline constexpr std::size_t kDeepestJson = 128;

/// A text that is no JSON document, or a deeper one than kDeepestJson.
class JsonError : public FileError {
 public:
  /// byte: where it was seen, from 0.
  JsonError(std::size_t byte, const std::string& text) : FileError(text), byte_(byte) {}
  [[nodiscard]] std::size_t byte() const { return byte_; }

 private:
  std::size_t byte_;
};

/// Throws JsonError "PLACE: not valid JSON (...)"; without a place where that is "", for those who
/// put it in front themselves.
Json parse_json(std::string_view text, const std::string& place = "");

/// The same, and a discarded value (is_discarded()) where parse_json() throws.
Json try_parse_json(std::string_view text);

/// Canonical text: sorted keys, no spaces, shortest round-trip numbers, UTF-8.
/// Throws UserError for NaN, infinity or text that is not UTF-8; such documents have no identity.
std::string canonical_json(const Json& document);

/// SHA-256 of the canonical text.
std::string json_hash(const Json& document);

/// Parses a file. Throws UserError "path:line: ..." when missing or malformed.
Json read_json_file(const std::filesystem::path& path);

}  // namespace assay
