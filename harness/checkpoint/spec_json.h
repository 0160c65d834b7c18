#pragma once
// A ModelSpec as a JSON document and back: what an artefact stores of a model whose shape it
// changes.

#include "harness/base/json.h"
#include "harness/checkpoint/spec.h"

namespace assay {

/// Every field, by its name.
Json to_json(const ModelSpec& spec);
/// Throws UserError for a missing, unknown or mistyped field.
ModelSpec model_spec_from_json(const Json& document);

}  // namespace assay
