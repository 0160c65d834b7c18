#pragma once
// Changing single values of a JSON file without touching the rest of its text.

#include <map>
#include <string>

#include "harness/base/json.h"

namespace assay {

/// `text` is a JSON object. Values of keys that are there are replaced where they stand, further
/// keys follow the last one; every other byte stays. Throws std::logic_error for another text.
std::string patched_json(const std::string& text, const std::map<std::string, Json>& changes);

}  // namespace assay
