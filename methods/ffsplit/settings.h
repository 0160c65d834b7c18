#pragma once
// The parameters of FFSplit, typed.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/compress/quantize.h"
#include "harness/method/layerwise.h"

namespace assay::ffsplit {

enum class Compressor { kKeep, kSvd, kSvdWeighted, kRtn, kGptq };
enum class ScoreMode { kNormTimesDown, kNorm, kMeanAbs, kTopFrequency };
enum class Denominator { kFfnParams, kFfnBytes, kModelParams, kModelBytes };

bool is_low_rank(Compressor compressor);
bool is_quantizer(Compressor compressor);

/// What happens to the matrices of one part: the heavy hitters or the rest.
struct PartSettings {
  Compressor compressor = Compressor::kKeep;
  std::int64_t rank = 0;  ///< of the low-rank compressors; 0 = solved from the target (part 2)
  QuantizeOptions quantize;
};

struct Settings {
  ScoreMode score = ScoreMode::kNormTimesDown;
  double p = 0.1;
  bool global = false;     ///< rank neurons of all layers together
  std::int64_t align = 8;  ///< heavy hitters and solved ranks are multiples of it
  double top_share = 0.1;  ///< of the neurons, for kTopFrequency
  std::int64_t first_tokens = 0;
  std::array<PartSettings, 2> parts;  ///< heavy hitters, rest
  double target = 0.3;                ///< reduction of the denominator
  Denominator denominator = Denominator::kFfnParams;
  bool solve_p = false;
  bool slack_to_heavy = true;
  double damping = 0.01;
  CalibrateOn calibrate_on = CalibrateOn::kCompressed;

  [[nodiscard]] bool needs_gram() const;
  /// The rank of part 2 comes from the target.
  [[nodiscard]] bool solves_rank() const;
};

std::vector<ParamSpec> param_specs();
Settings read_settings(const Params& params);
/// Rules between parameters that hold for any model; empty = fine.
std::vector<std::string> setting_problems(const Settings& settings);
/// "ffn_params", ...
std::string denominator_name(Denominator denominator);

}  // namespace assay::ffsplit
