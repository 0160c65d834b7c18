#pragma once
// What became of an attempt, from how its process ended and what it had said.

#include "harness/base/outcome.h"
#include "harness/process/child.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// In this order: TIMEOUT (limit), INTERRUPTED (stopped by this run), CRASHED (protocol), CRASHED
/// (signal:SIGTERM) of a worker that says that it was asked to stop, the outcome that the worker
/// itself reported when it is not OK, OOM (host, killed), CRASHED (signal:NAME, error,
/// incomplete_reply), OK. OK needs all of: outcome OK, bye, exit code 0.
/// `memory_limit_bytes` is the one of the child's spec, 0 for none: under one, a death is OOM also
/// where only what the loader or the C library printed, the address space in use, or an end before
/// the first word shows that the limit was the reason.
OutcomeReason classify(const ChildResult& result, const WorkerReply& reply,
                       std::int64_t memory_limit_bytes = 0);

/// "SIGSEGV", or "signal 42" for one without a name.
std::string signal_name(int signal);

}  // namespace assay
