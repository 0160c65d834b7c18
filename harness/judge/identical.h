#pragma once
// Values that are the same on both sides: no test is needed to say so, and none could.

#include "harness/store/records.h"

namespace assay {

/// True when a and b differ by no more than the rounding of single precision and the order of its
/// sums explain: 1e-6 of the larger one, or of 1.
bool equal_to_rounding(double a, double b);

/// True when both sides hold the same measurement of a metric: summary, samples of every process,
/// and, of a cell with items, all that both sides store of them. So it is when a database is
/// compared with itself or with a baseline saved from it, and for scores of an unchanged model. No
/// two times agree in all their digits by chance.
bool same_measurement(const CellRecord& cell_a, const MetricRecord& a, const CellRecord& cell_b,
                      const MetricRecord& b);

}  // namespace assay
