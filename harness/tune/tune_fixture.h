#pragma once
// Rows of a made-up grid of multiplexed and pruned models, for the tests of this folder.

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay::tune {

/// A row of suite "sst2" (acc, a share) or "speed" (items_per_s).
inline ResultRow tune_row(const std::string& method, const std::string& params,
                          const std::string& metric, double value, double half = 0) {
  ResultRow row;
  row.experiment = "grid";
  row.model = "tiny";
  row.method = method;
  row.params = params;
  row.metric = metric;
  row.suite = metric == "acc" ? "sst2" : "speed";
  row.suite_params = "{}";
  row.direction = 1;
  row.profile = "cpu";
  row.status = "OK";
  row.cell_key = method + params + metric;
  row.value = value;
  if (half > 0) {
    row.lo = value - half;
    row.hi = value + half;
  }
  row.basis = metric == "acc" ? Basis::kShare : Basis::kMeasured;
  return row;
}

/// Both metrics of a setting: plain finetune, cofi behind it, mux, or both.
inline void add_setting(std::vector<ResultRow>& rows, int instances, double sparsity, double acc,
                        double speed, double half = 0) {
  std::string method = "finetune", params = "{";
  if (instances > 1) {
    method = "mux";
    params += fmt::format("\"instances\":{}", instances);
  }
  if (sparsity > 0) {
    params += fmt::format("{}\"then\":[{{\"id\":\"cofi\",\"sparsity\":{}}}]",
                          instances > 1 ? "," : "", sparsity);
  }
  params += "}";
  rows.push_back(tune_row(method, params, "acc", acc, half));
  rows.push_back(tune_row(method, params, "items_per_s", speed));
  rows.push_back(tune_row(method, params, "fit/seconds", 10));
  rows.back().direction = 0;
}

using GridValue = std::function<double(int instances, double sparsity)>;

/// N = 1, 2, 5, 10 by sparsity 0, 0.6, 0.8, 0.9.
inline std::vector<ResultRow> tune_grid(const GridValue& acc, const GridValue& speed,
                                        double half = 0) {
  std::vector<ResultRow> rows;
  for (const int instances : {1, 2, 5, 10}) {
    for (const double sparsity : {0.0, 0.6, 0.8, 0.9}) {
      add_setting(rows, instances, sparsity, acc(instances, sparsity), speed(instances, sparsity),
                  half);
    }
  }
  return rows;
}

}  // namespace assay::tune
