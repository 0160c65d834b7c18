#pragma once
// The conformance kit as a work of the worker, so that what a method does to its process happens
// here.

#include <string>

#include "harness/base/json.h"
#include "harness/method/method.h"

namespace assay {

/// Runs the kit over the method on a tiny model of each kind and writes JSON lines to `descriptor`
/// as it goes on: {"t": "begins", "model", "subject"}, {"t": "checked", "model", "check",
/// "subject", "problem" (absent: it holds)}, {"t": "left_out", "model", "text"}, {"t": "threw",
/// "model", "text"}, and last {"t": "done", "tried"}. `cases` as in conformance.json; `place`
/// stands for it in messages. Throws UserError for cases that are none, std::system_error when
/// nobody listens.
void check_method(const Method& method, const Json& cases, const std::string& place,
                  int descriptor);

}  // namespace assay
