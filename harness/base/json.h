#pragma once
// JSON documents. Objects keep sorted keys, so the canonical form is a plain dump.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace assay {

using Json = nlohmann::json;

/// Canonical text: sorted keys, no spaces, shortest round-trip numbers, UTF-8.
/// Throws UserError for NaN, infinity or text that is not UTF-8; such documents have no identity.
std::string canonical_json(const Json& document);

/// SHA-256 of the canonical text.
std::string json_hash(const Json& document);

/// Parses a file. Throws UserError "path:line:column: ..." when missing or malformed.
Json read_json_file(const std::filesystem::path& path);

}  // namespace assay
