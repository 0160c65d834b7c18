#include "harness/protocol/common_metrics.h"

namespace assay {
namespace {

constexpr const char* kWeightsOnly =
    "weights of embeddings, layers and head; a tied head counts once; no key/value cache";
constexpr const char* kPerToken =
    "weights read for one token at batch 1, each token of the run by itself; no key/value cache";
constexpr const char* kPeakRss =
    "VmHWM of the process at its end: libraries, pages of mapped files, weights and activations; "
    "nothing is subtracted";

}  // namespace

const std::vector<MetricDef>& accounting_metrics() {
  static const std::vector<MetricDef> kMetrics = {
      {"model/params", "", 0, kWeightsOnly, "Logical parameters, zeros included"},
      {"model/nonzero", "", -1, kWeightsOnly, "Parameters that are not exactly zero"},
      {"model/resident_bytes", "B", -1, kWeightsOnly, "Bytes held in memory to run"},
      {"model/host_bytes", "B", -1,
       "weights kept in the host's memory beside a device's; 0 on a CPU",
       "Bytes held in host memory to run"},
      {"model/touched_bytes", "B", -1,
       "weights read for any decoded token at batch 1; what depends on the token is in "
       "step/touched_bytes",
       "Bytes of weights read for one decoded token"},
      {"model/flops_per_token", "FLOP", -1,
       "multiplications and additions executed with weights, for one token", "Work for one token"},
      {"step/touched_bytes", "B", -1, kPerToken, "Bytes of weights read for a token, mean"},
      {"step/touched_bytes_p95", "B", -1, kPerToken,
       "Bytes of weights read for a token, 95th percentile"},
      {"step/fallback_share", "", -1,
       "neurons computed exactly among those of the blocks that approximate, each token by itself",
       "Share of neurons that fell back to the original weights, mean over tokens"},
      {"process/peak_rss", "B", -1, kPeakRss, "Highest resident memory of the scoring process"},
  };
  return kMetrics;
}

const std::vector<MetricDef>& fit_metrics() {
  static const std::vector<MetricDef> kMetrics = {
      {"fit/seconds", "s", -1, "wall time of the method's fit, without loading and saving",
       "Time to fit"},
      {"achieved_sparsity", "", 0, "zeros among the weights of the decoder's linear layers",
       "Share of zeros that the method made"},
      {"fit/peak_rss", "B", -1, kPeakRss, "Highest resident memory of the fitting process"},
      {"artefact/bytes", "B", -1, "size of the artefact's file", "Size of the artefact"},
  };
  return kMetrics;
}

}  // namespace assay
