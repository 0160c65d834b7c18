#pragma once
// Models of the catalogue: one file each, and those that are on this machine.

#include "harness/config/catalogue.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// One models/<name>.toml, added to the catalogue. Problems go to the reader.
void read_model(TableReader& reader, const TomlDocument& document, Catalogue& catalogue);

/// Folders under $ASSAY_MODELS and $ASSAY_HOME/models, and models in the cache of the Hugging Face
/// Hub: new entries, and the folders of those that have a file.
void add_models_that_are_here(Catalogue& catalogue);

}  // namespace assay
