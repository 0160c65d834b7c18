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
      {"model/params", "", 0, kWeightsOnly, "Logical parameters, zeros included", Basis::kExact},
      {"model/nonzero", "", -1, kWeightsOnly, "Parameters that are not exactly zero",
       Basis::kExact},
      {"model/resident_bytes", "B", -1, kWeightsOnly, "Bytes held in memory to run", Basis::kExact},
      {"model/host_bytes", "B", -1,
       "weights kept in the host's memory beside a device's; 0 on a CPU",
       "Bytes held in host memory to run", Basis::kExact},
      {"model/touched_bytes", "B", -1,
       "weights read for any decoded token at batch 1; what depends on the token is in "
       "step/touched_bytes",
       "Bytes of weights read for one decoded token", Basis::kExact},
      {"model/flops_per_token", "FLOP", -1,
       "multiplications and additions executed with weights, for one token; what is done once a "
       "sequence (pooler, classifier) is left out",
       "Work for one token; where several sequences run as one, its share", Basis::kExact},
      {"step/touched_bytes", "B", -1, kPerToken, "Bytes of weights read for a token, mean",
       Basis::kExact},
      {"step/touched_bytes_p95", "B", -1, kPerToken,
       "Bytes of weights read for a token, 95th percentile", Basis::kExact},
      {"step/flops_per_token", "FLOP", -1,
       "multiplications and additions executed with weights for one token, what depends on the "
       "token included; of what is timed, where that is a part of the model",
       "Work for a token, mean", Basis::kExact},
      {"step/fallback_share", "", -1,
       "neurons computed exactly among those of the blocks that approximate, each token by itself",
       "Share of neurons that fell back to the original weights, mean over tokens", Basis::kExact},
      {"process/peak_rss", "B", -1, kPeakRss, "Highest resident memory of the scoring process",
       Basis::kMeasured},
  };
  return kMetrics;
}

const std::vector<MetricDef>& process_metrics() {
  constexpr const char* kPhase = "wall time of one process";
  constexpr const char* kWork =
      "one more run of what was timed, by itself: tensors that it makes, its cache included";
  constexpr const char* kResident = "VmRSS, everything included";
  constexpr const char* kDevice = "LibTorch's caching allocator, weights included";
  constexpr const char* kProbe =
      "logits of the probe, of the largest one; docs/formats/worker_protocol.md, Fingerprint";
  constexpr const char* kEnergy =
      "RAPL packages or NVML's total of the GPU, at least 10 s of the timed work; not TDP";
  static const std::vector<MetricDef> kMetrics = {
      {"process/load", "s", -1, kPhase, "Time to read model and artefact", Basis::kMeasured},
      {"process/first_call", "s", -1, kPhase, "Time of the very first call, before any warm-up",
       Basis::kMeasured},
      {"process/warmup", "s", 0, kPhase, "Time of the calls before the measured ones",
       Basis::kMeasured},
      {"process/steady", "s", 0, kPhase, "Time of the measured calls", Basis::kMeasured},
      {"process/loops", "", 0, "calls whose mean is one sample", "Calls in a sample",
       Basis::kMeasured},
      {"probe/distance", "", 0, kProbe, "How far apart the timed and the scored path answer",
       Basis::kMeasured},
      {"probe/allowed", "", 0, kProbe, "How far apart they may answer by rounding alone",
       Basis::kMeasured},
      {"memory/base_rss", "B", 0, kResident, "Resident memory before the model was read",
       Basis::kMeasured},
      {"memory/loaded_rss", "B", 0, kResident, "Resident memory with model and artefact",
       Basis::kMeasured},
      {"memory/work_rss", "B", 0, kResident, "Highest resident memory during one more run",
       Basis::kMeasured},
      {"memory/work_allocated", "B", -1, kWork, "Most memory held by the work at one moment",
       Basis::kMeasured},
      {"memory/device_allocated", "B", -1, kDevice, "Most memory of the GPU in use",
       Basis::kMeasured},
      {"memory/device_reserved", "B", 0, kDevice, "Most memory taken from the GPU's driver",
       Basis::kMeasured},
      {"energy/per_token", "J", -1, kEnergy, "Energy for a token", Basis::kMeasured},
      {"energy/net_per_token", "J", 0, kEnergy, "Energy for a token above the idle machine's",
       Basis::kMeasured},
      {"energy/idle_power", "W", 0, "the same meter, 1 s before the work", "Power while idle",
       Basis::kMeasured},
  };
  return kMetrics;
}

const std::vector<MetricDef>& fit_metrics() {
  static const std::vector<MetricDef> kMetrics = {
      {"fit/seconds", "s", -1, "wall time of the method's fit, without loading and saving",
       "Time to fit", Basis::kMeasured},
      {"fit/seconds_here", "s", 0,
       "of fit/seconds, what was spent for this cell now; the rest came out of the cache",
       "Time spent on fitting here", Basis::kMeasured},
      {"achieved_sparsity", "", 0, "zeros among the weights of the decoder's linear layers",
       "Share of zeros that the method made", Basis::kExact},
      {"fit/calibration_tokens", "tokens", -1,
       "tokens of text that the method was given, each seen at least once",
       "Tokens to calibrate with", Basis::kExact},
      {"fit/peak_rss", "B", -1, kPeakRss, "Highest resident memory of the fitting process",
       Basis::kMeasured},
      {"artefact/bytes", "B", -1, "size of the artefact's file", "Size of the artefact",
       Basis::kExact},
  };
  return kMetrics;
}

}  // namespace assay
