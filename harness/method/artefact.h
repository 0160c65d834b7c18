#pragma once
// Checks around artefact files; reading and writing itself is declared in method.h.
//
// An artefact is a safetensors file whose __metadata__ holds the texts assay_artefact (version of
// this container), method, artefact_version, params, model_hash, name (of the file, without
// its extension), plan (JSON) and checksum (SHA-256 over all of these and the tensors).

#include <string>

#include "harness/method/method.h"

namespace assay {

/// Raised when the container's layout changes; files of a newer one are refused.
inline constexpr int kArtefactContainerVersion = 1;

/// Throws UserError when the artefact was made by another method, by a newer version of it, or for
/// another model (`model_hash` empty: not checked). `place` names the file in the message.
void require_artefact_of(const ArtefactHeader& header, const MethodInfo& info,
                         const std::string& model_hash, const std::string& place);

}  // namespace assay
