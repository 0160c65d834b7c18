#pragma once
// Checks that every method must pass, whatever it does.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/method/method.h"

namespace assay {

/// What the kit tries, from methods/<name>/conformance.json:
///   {"identity": {params that mean "no compression"}, "cases": [{params}, ...]}
/// `identity` may be missing when the method has no such setting.
struct ConformanceCases {
  Json identity;            ///< null: none
  std::vector<Json> cases;  ///< at least one
};
/// Throws UserError when the file is missing or malformed.
ConformanceCases read_conformance_cases(const std::filesystem::path& method_folder);

/// Runs everything below on the model in `model_folder` (small: it is fitted many times) and gives
/// the failures, one sentence each; empty = conforms. Cases that the method reports as unmet on
/// this model are left out; their reasons must not be empty. A method that trains is given text,
/// and left out where it cannot train this model on such.
///
/// * info() is complete and the same each time
/// * fitting leaves the model as it was; apply touches nothing but what the artefact names
/// * fit -> save -> load -> apply is bit-equal to fit -> apply
/// * the same seed gives the same artefact; so do one thread and two
/// * `identity` reproduces the dense logits bit by bit
/// * the metric achieved_sparsity is the share of zeros in the applied model, and, for methods with
///   a parameter `sparsity`, what was asked for
/// * a sequence alone and in a batch gives the same logits
/// * nothing is written outside the scratch folder
std::vector<std::string> conformance_problems(const Method& method, const ConformanceCases& cases,
                                              const std::filesystem::path& model_folder);

}  // namespace assay
