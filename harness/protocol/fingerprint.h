#pragma once

#include "harness/base/json.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// From an array of numbers; throws std::runtime_error for anything else.
Fingerprint fingerprint_from_json(const Json& values);

}  // namespace assay
