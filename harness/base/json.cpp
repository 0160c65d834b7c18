#include "harness/base/json.h"

#include <algorithm>
#include <cmath>

#include "harness/base/cell_errors.h"
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

}  // namespace

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
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const std::size_t at = std::min(error.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
    throw FileError(path.string() + ":" + std::to_string(line) + ": not valid JSON (" +
                    error.what() + ")");
  }
}

}  // namespace assay
