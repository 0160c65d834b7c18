#pragma once
// claims/metrics.toml. Internal to harness/claims.

#include "harness/claims/claims.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// A finite number, negative ones too; a problem when the value is anything else.
std::optional<double> finite_number(TableReader& reader, std::string_view key);

/// Metrics, data sets and tolerances; problems are collected.
void read_metrics_file(const TomlDocument& document, Problems& problems, ClaimSet& claims);

}  // namespace assay
