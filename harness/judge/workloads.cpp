#include "harness/judge/workloads.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace assay {
namespace {

/// Which parameters of the suite multiply to the rows that meet the weights in one sample.
struct Workload {
  std::string_view metric;
  std::array<std::string_view, 2> rows;
  bool whole_model;  ///< false: step/... speaks of this part, model/... of more
  bool by_token;     ///< step/touched_bytes was watched in the same kind of step
};

constexpr std::array<Workload, 5> kWorkloads = {{
    {"decode/token_latency", {"batch", ""}, true, true},
    {"decode/first_token_latency", {"batch", "prompt_tokens"}, true, false},
    {"prefill/latency", {"batch", "prompt_tokens"}, true, false},
    {"ffn_decode/latency", {"batch", ""}, false, true},
    {"kernel/latency", {"batch", ""}, false, true},
}};

const Workload* workload_of(const std::string& metric) {
  const auto* found = std::find_if(kWorkloads.begin(), kWorkloads.end(),
                                   [&](const Workload& w) { return w.metric == metric; });
  return found == kWorkloads.end() ? nullptr : found;
}

double rows_of(const Workload& workload, const Json& params) {
  double rows = 1;
  for (const std::string_view name : workload.rows) {
    if (!name.empty()) rows *= params.value(std::string(name), 1.0);
  }
  return rows;
}

std::optional<double> either(const CellRecord& cell, const CellRecord* other,
                             const std::string& tag) {
  const std::optional<double> own = value_of(cell, tag);
  return own || other == nullptr ? own : value_of(*other, tag);
}

void fill_flops(const CellRecord& cell, const CellRecord* accounting, const Workload& workload,
                double rows, SampleWork& work) {
  const auto per_token = workload.whole_model ? either(cell, accounting, "model/flops_per_token")
                                              : value_of(cell, "step/flops_per_token");
  if (per_token) {
    work.flops = *per_token * rows;
  } else {
    work.no_flops = workload.whole_model
                        ? "no cell of this method counted its work (model/flops_per_token)"
                        : "only the work of the whole model is known";
  }
}

/// Several rows share what every token reads. What depends on the token is known for one alone.
void fill_bytes(const CellRecord& cell, const CellRecord* accounting, const Workload& workload,
                double rows, SampleWork& work) {
  const auto fixed =
      workload.whole_model ? either(cell, accounting, "model/touched_bytes") : std::nullopt;
  const auto step =
      workload.by_token ? value_of(cell, "step/touched_bytes") : std::optional<double>();
  const auto seen = step ? step : either(cell, accounting, "step/touched_bytes");
  const bool varies = fixed && seen && *seen != *fixed;
  if (step && rows == 1) {
    work.bytes = step;
  } else if (varies) {
    work.no_bytes = "what is read depends on the token, and is known for one token alone";
  } else if (fixed) {
    work.bytes = fixed;
  } else if (rows > 1 && step && value_of(cell, "step/fallback_share")) {
    work.no_bytes = "what is read depends on the token, and is known for one token alone";
  } else if (step) {
    work.bytes = step;
  } else {
    work.no_bytes = "no cell of this method counted its bytes (model/touched_bytes)";
  }
}

}  // namespace

std::optional<double> value_of(const CellRecord& cell, const std::string& tag) {
  for (const MetricRecord& metric : cell.metrics) {
    if (metric.def.tag == tag) return metric.summary.value;
  }
  return std::nullopt;
}

SampleWork work_of(const CellRecord& cell, const CellRecord* accounting,
                   const std::string& metric) {
  SampleWork work;
  const Workload* workload = workload_of(metric);
  if (workload == nullptr) {
    work.no_flops = work.no_bytes = "nobody has said what one sample of this metric computes";
    return work;
  }
  const Json params = Json::parse(cell.suite_params, nullptr, false);
  const double rows = params.is_object() ? rows_of(*workload, params) : 1;
  fill_flops(cell, accounting, *workload, rows, work);
  fill_bytes(cell, accounting, *workload, rows, work);
  return work;
}

}  // namespace assay
