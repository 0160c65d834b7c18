#pragma once

#include "harness/base/json.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// However restless a model is under rounding, fingerprints further apart than this are not the
/// same: beyond it a comparison would see no fault.
inline constexpr double kMostFingerprintTolerance = 0.1;
/// What a timed process found its paths may differ by ("probe/allowed"): at least the dtype's
/// tolerance, at most kMostFingerprintTolerance.
double allowed_by(const WorkerReply& timed, const std::string& dtype);

/// From an array of numbers; throws std::runtime_error for anything else.
Fingerprint fingerprint_from_json(const Json& values);

}  // namespace assay
