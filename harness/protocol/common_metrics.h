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

}  // namespace assay
