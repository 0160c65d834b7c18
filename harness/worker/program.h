#pragma once
// The program assay-worker, whatever methods and suites it is made of.

#include <functional>

#include "harness/method/method.h"
#include "harness/suite/suite.h"

namespace assay {

/// Adds what this program knows to the registries.
using RegisterParts = std::function<void(MethodRegistry&, SuiteRegistry&)>;

/// main() of a worker: describes itself, or answers the request on standard input. Returns the exit
/// code; never throws.
int run_worker_program(int count, char** arguments, const RegisterParts& register_parts);

}  // namespace assay
