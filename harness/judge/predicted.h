#pragma once
// Measured speed-ups beside what work, bytes and the machine predict, and what compressing cost.
// A pure function of stored records: equal databases, equal rows.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/judge/verdict.h"
#include "harness/store/records.h"
#include "harness/store/store.h"

namespace assay {

/// What `assay doctor --db` kept of a machine under one profile; the profile fixes dtype, threads.
struct MachineFigures {
  std::string profile;
  double gemm_flops = 0;  ///< FLOP/s of a 1024^3 product
  double bandwidth = 0;   ///< B/s of reading memory once
  Json fingerprint;       ///< of the profile on the machine that was examined
};

/// Nothing when the document lacks a figure.
std::optional<MachineFigures> machine_figures(const Json& machine_check);

/// A predicted speed-up (above 1: faster than dense), or why there is none.
struct Prediction {
  std::optional<double> value;
  std::string reason;  ///< empty when there is a value
};

/// What making the artefact took; absent where it was not measured or does not apply.
struct FitCost {
  std::optional<double> seconds, peak_rss_bytes, artefact_bytes, calibration_tokens;
};

/// One timed metric of one compressed cell.
struct SpeedUp {
  // Which cell. `params` and `suite_params` are JSON texts as in the store.
  std::string model, suite, suite_params, method, params, profile, cell_key, twin_key;
  std::int64_t seed = 0;
  bool random_weights = false, limited = false;
  std::string metric, unit;  ///< "decode/token_latency", "s"; empty when nothing was timed

  // Measured. Medians of process medians, in `unit`.
  std::optional<double> dense, compressed;
  /// Above 1: the compressed cell is faster. Pairs: exp of the mean of their log-ratios.
  std::optional<double> measured;
  std::optional<Interval> interval;         ///< 95 %, of `measured`
  std::string interval_method;              ///< as in Judgement
  std::size_t pairs = 0;                    ///< processes an arm
  Verdict verdict = Verdict::kNotMeasured;  ///< of compressed against dense, at the default rules
  std::string reason;  ///< why there is no measured speed-up; empty when there is

  // Predicted.
  Prediction by_flops;     ///< work of dense / work of compressed, executed multiplications
  Prediction by_bytes;     ///< bytes of weights read by dense / by compressed
  Prediction by_roofline;  ///< ratio of max(work / GEMM speed, bytes / bandwidth)
  /// What the roofline says limits each side: "compute", "memory"; "" without a roofline.
  std::string bound, dense_bound;
  /// The roofline's time / the measured time: 1 is all that the machine gives. Models that fit a
  /// cache can exceed it.
  std::optional<double> reached, dense_reached;

  FitCost fit;
};

/// One row for each timed metric of each cell whose method is not "dense", in the order of
/// `cells`; a cell that failed has one row with its status as reason. `twins`: dense records of the
/// cells' own sessions that are not among `cells` (Store::twin_records). `machines`: at most one a
/// profile, the newest.
std::vector<SpeedUp> speed_ups(const std::vector<CellRecord>& cells,
                               const std::vector<CellRecord>& twins,
                               const std::vector<MachineFigures>& machines);

/// The same of a stored experiment. Throws UserError for an unknown name.
std::vector<SpeedUp> speed_ups(const Store& store, const std::string& experiment);

/// See docs/formats/speedup.md. Absent numbers are null.
Json to_json(const SpeedUp& row);

}  // namespace assay
