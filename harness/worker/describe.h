#pragma once

#include "harness/base/json.h"
#include "harness/method/method.h"
#include "harness/suite/suite.h"
#include "harness/worker/plugins.h"

namespace assay {

/// What `assay` must know of this worker: methods, suite kinds, model families, build.
/// `plugins` says which of them are not built in. Form: docs/formats/worker_protocol.md.
Json describe(const MethodRegistry& methods, const SuiteRegistry& suites,
              const LoadedPlugins& plugins = {});

}  // namespace assay
