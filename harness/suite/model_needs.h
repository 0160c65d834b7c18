#pragma once
// What suite kinds ask of a model.

#include <vector>

#include "harness/base/requirement.h"

namespace assay {

/// Of kinds that read scores of the next token.
std::vector<Requirement> needs_next_token();
/// Of kinds that read scores of classes.
std::vector<Requirement> needs_classifier();
/// Of kinds that run whole sequences through an encoder, with or without a classifier.
std::vector<Requirement> needs_encoder();

}  // namespace assay
