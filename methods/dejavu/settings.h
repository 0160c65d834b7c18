#pragma once
// DejaVu's parameters, and from where in a model a layer is predicted.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/contextual/chooser.h"
#include "harness/contextual/predictor_training.h"
#include "harness/model/step.h"

namespace assay::dejavu {

/// The stream that the predictor of a layer's heads or neurons reads. Paper and released code have
/// five ways between them:
///
///                      neurons of layer l        heads of layer l
///   latency_code       FFN's stream, l - 1       attention's stream, l - 1
///   training_code      FFN's, l                  attention's, l - 1
///   accuracy_code      attention's, l            attention's, l - 1
///   paper_equations    attention's, l - 1        attention's, l - 1
///   paper_figure       attention's, l            FFN's, l - 1
StreamPlace predicted_from(const std::string& lookahead, RoutingSite site, std::int64_t layer);

/// As published: 1000, and in the released code for times 512.
inline constexpr std::int64_t kNeuronRank = 1000, kHeadRank = 512;

std::vector<ParamSpec> param_specs();

DejaVuTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed);

}  // namespace assay::dejavu
