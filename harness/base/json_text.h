#pragma once
// JSON for people and other programs, safe to show on a terminal.

#include <string>

#include "harness/base/json.h"

namespace assay {

/// The document with sorted keys; `indent` spaces a level, -1 for one line. Bytes that are not
/// UTF-8 become U+FFFD; what must not reach a terminal as it stands (display.h) is written as
/// \uXXXX, which every reader turns back into the same text.
std::string json_text(const Json& document, int indent = -1);

}  // namespace assay
