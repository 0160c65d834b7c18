#pragma once
// Checks that every method must pass, whatever it does: by itself, and as a link of a chain.
//
// The kit fits on random calibration tokens and items, random text and random labelled items,
// whichever needs of the method name, and compares scores: of each token of a decoder, of packed
// sequences of different lengths where the model reads whole sequences, as an encoder with a
// classifier does.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/method/conformance_report.h"
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
/// Of such a document; `place` stands for it in the message.
ConformanceCases conformance_cases(const Json& document, const std::string& place);

/// Runs everything below on the model in `model_folder` (small: it is fitted many times). Cases
/// that the method reports as unmet on this model are left out; their reasons must not be empty.
///
/// * info() is complete and the same each time
/// * fitting leaves the model and its folder as they were
/// * it looks at calibration tokens and at training data where its needs name them, and only there
/// * it fits on calibration items of different lengths where its needs name them
/// * apply touches nothing but what the artefact names: parameters, or tensors of whole layers
/// * the changed model shares no memory with the artefact, as far as it could be trained
/// * fit -> save -> load -> apply is bit-equal to fit -> apply
/// * the same seed gives the same artefact; so do one thread and two
/// * `identity` reproduces the dense scores bit by bit
/// * the scores of the changed model are finite
/// * the metric achieved_sparsity is the share of zeros in the applied model; with the parameters
///   `sparsity` and `pattern` every matrix of the applied model has the zeros that were asked for
/// * a sequence alone and in a batch gives the same scores, unless the model mixes sequences
/// * a decoder goes on after a prompt, token by token
/// * nothing is written outside the scratch folder
ConformanceReport check_conformance(const Method& method, const ConformanceCases& cases,
                                    const std::filesystem::path& model_folder,
                                    const ConformanceWatch& watch = {});

/// A method, and the settings that it is tried with in chains: the first of its cases that applies.
struct ConformanceLink {
  const Method* method = nullptr;
  ConformanceCases cases;
};

/// Chains of two, as `then` makes them: `first`, and every one of `seconds` fitted on the result.
/// The same method may be both. A second method may find that it does not apply to what the first
/// left: by unmet(), or by DoesNotApply out of fit(), or out of apply() where only a block of the
/// first can tell; with a reason that is not empty. Any other exception is a problem.
///
/// * what a first method without an artefact leaves is refused by no second one
/// * the second is fitted on the first's result, rebuilt from its saved and loaded artefact, and
///   leaves it as it was
/// * the same seed gives the same artefact of the second
/// * both artefacts, saved, loaded and applied in order to a fresh model, give bit-equal scores
/// * the second's apply touches nothing but what its own artefact names
/// * `identity` of the second reproduces the scores of the first's result bit by bit
/// * what is zero in the first's result is zero in the second's, where the second has a parameter
///   `keep_zeros` that is on
/// * a sequence alone and in a batch gives the same scores; a decoder goes on after a prompt
ConformanceReport check_chains(const ConformanceLink& first,
                               const std::vector<ConformanceLink>& seconds,
                               const std::filesystem::path& model_folder);

}  // namespace assay
