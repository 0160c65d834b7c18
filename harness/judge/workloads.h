#pragma once
// How much of a model's weights one sample of a timed metric uses.

#include <optional>
#include <string>

#include "harness/store/records.h"

namespace assay {

/// Work and traffic behind one sample; absent with the reason.
struct SampleWork {
  std::optional<double> flops, bytes;
  std::string no_flops, no_bytes;  ///< why absent
};

/// The value of a metric of the cell, where it has one.
std::optional<double> value_of(const CellRecord& cell, const std::string& tag);

/// What one sample of `metric` executes and reads with weights. `accounting` is a cell of the same
/// model, method, calibration, seed and profile that knows model/... (it may be `cell` itself);
/// nullptr when there is none. Attention's own work and the key/value cache are not counted.
SampleWork work_of(const CellRecord& cell, const CellRecord* accounting, const std::string& metric);

}  // namespace assay
