#pragma once
// The parameters of `tardis`, and what they come to for a model.

#include <string>
#include <vector>

#include "harness/method/method.h"
#include "methods/tardis/budget.h"
#include "methods/tardis/predictor.h"
#include "methods/tardis/tardis_ffn.h"

namespace assay {

/// How the nonlinear factor of a gated block is replaced. The paper folds plain blocks only.
enum class GateMode {
  kNone,
  kConst,  ///< by its mean
  kOls,    ///< by the factor of least squared error of the product with the other branch
};

struct TardisSettings {
  double fallback = 0;  ///< planned share of neurons computed exactly
  ThresholdPolicy thresholds = ThresholdPolicy::kLayerAndNeuron;
  PredictorOptions predictor;
  double kappa = 1;
  std::int64_t bins = 512;
  std::int64_t skip_first_tokens = 0;
  bool sequential = false;
  TardisPolicy policy;
  GateMode gate = GateMode::kNone;
  std::vector<std::int64_t> skip_layers;
  [[nodiscard]] bool skips(std::int64_t layer) const;
};

std::vector<ParamSpec> tardis_params();

/// For parameters that tardis_unmet() has nothing against.
TardisSettings tardis_settings(const ModelSpec& spec, const Params& params);

/// Gated blocks, a target that no fallback meets, a rank that saves nothing, layers not there.
std::vector<std::string> tardis_unmet(const ModelSpec& spec, const Params& params);

/// Texts of ManyRows: "dense", "fold_only"; the rest is kPerRow.
ManyRows many_rows(const std::string& text);

}  // namespace assay
