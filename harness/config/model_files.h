#pragma once
// Models of the catalogue: one file each, and those that are on this machine.

#include "harness/config/catalogue.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// One models/<name>.toml, added to the catalogue. Problems go to the reader.
void read_model(TableReader& reader, const TomlDocument& document, Catalogue& catalogue);

/// Folders under $ASSAY_MODELS and $ASSAY_HOME/models that have names of their own.
void add_model_folders(Catalogue& catalogue);

/// Models in the cache of the Hugging Face Hub, under their names ("hf:ORG/NAME"). Walks all of it:
/// for lists and messages. A model that is named is found without (harness/runner/model_finder.h).
void add_models_in_hub_cache(Catalogue& catalogue);

}  // namespace assay
