#pragma once

#include "harness/base/json.h"
#include "harness/method/method.h"
#include "harness/suite/suite.h"

namespace assay {

/// What `assay` must know of this worker: methods, suite kinds, model families, build.
/// Form: docs/formats/worker_protocol.md.
Json describe(const MethodRegistry& methods, const SuiteRegistry& suites);

}  // namespace assay
