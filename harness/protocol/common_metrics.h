#pragma once
// Metrics that the worker itself emits, whatever the suite or method.

#include <vector>

#include "harness/protocol/protocol.h"

namespace assay {

/// Of every score: the accounting of the model with the artefact applied, what its steps did, and
/// `process/peak_rss`. Suites that decode emit the `step/` metrics too.
const std::vector<MetricDef>& accounting_metrics();
/// Of every fit: `fit/seconds`, `fit/peak_rss`, `artefact/bytes`.
const std::vector<MetricDef>& fit_metrics();

/// Of every timed process: its phases, memory and energy. `process/load` of every process.
const std::vector<MetricDef>& process_metrics();

/// The suite kind whose calls a second instrument can count.
inline constexpr const char* kCountedKind = "kernel";
/// Calls that suites of kind `kernel` make for a second instrument; it counts all of them together.
inline constexpr int kCountedCalls = 16;
/// The function that makes them.
inline constexpr const char* kCountedFunction = "assay_counted_calls";
/// Tag of the instructions of one of them.
inline constexpr const char* kInstructionsTag = "kernel/instructions";

}  // namespace assay
