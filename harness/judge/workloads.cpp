#include "harness/judge/workloads.h"

#include <fmt/format.h>

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

constexpr std::array<Workload, 6> kWorkloads = {{
    {"decode/token_latency", {"batch", ""}, true, true},
    {"decode/first_token_latency", {"batch", "prompt_tokens"}, true, false},
    {"prefill/latency", {"batch", "prompt_tokens"}, true, false},
    {"classify/latency", {"batch", "length"}, true, true},
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

/// A quantity for one token, counted in two ways.
struct Counted {
  const char* fixed;  ///< of the whole model, any token
  const char* step;   ///< mean over tokens, what depends on the token included
  const char* what;   ///< for messages
};

constexpr Counted kWork{"model/flops_per_token", "step/flops_per_token", "what is computed"};
constexpr Counted kRead{"model/touched_bytes", "step/touched_bytes", "what is read"};

struct Amount {
  std::optional<double> value;
  std::string reason;  ///< why there is none
};

/// What depends on the token is known for one token alone: several rows may share it or not.
Amount amount_of(const CellRecord& cell, const CellRecord* accounting, const Workload& workload,
                 double rows, const Counted& counted) {
  const auto fixed = workload.whole_model ? either(cell, accounting, counted.fixed) : std::nullopt;
  const auto step = workload.by_token ? value_of(cell, counted.step) : std::optional<double>();
  const auto seen = step ? step : either(cell, accounting, counted.step);
  if (step && rows == 1) return {step, ""};
  const bool decides = either(cell, accounting, "step/fallback_share").has_value();
  if (fixed && seen ? *fixed != *seen : decides) {
    return {std::nullopt,
            fmt::format("{} depends on the token, and is known for one token alone", counted.what)};
  }
  if (fixed || step) return {fixed ? fixed : step, ""};
  return {std::nullopt, fmt::format("no cell of this method counted {} ({})", counted.what,
                                    workload.whole_model ? counted.fixed : counted.step)};
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
  const Json params = try_parse_json(cell.suite_params);
  const double rows = params.is_object() ? rows_of(*workload, params) : 1;
  // Work is done for each row, weights are read once for all of them.
  const Amount done = amount_of(cell, accounting, *workload, rows, kWork);
  const Amount read = amount_of(cell, accounting, *workload, rows, kRead);
  if (done.value) work.flops = *done.value * rows;
  work.bytes = read.value;
  work.no_flops = done.reason;
  work.no_bytes = read.reason;
  return work;
}

}  // namespace assay
