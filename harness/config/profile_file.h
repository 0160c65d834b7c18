#pragma once
// hardware_profiles/*.toml. Internal to harness/config.

#include <string>
#include <string_view>

#include "harness/config/catalogue.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// The text of `key`, and a problem when it is not the file's name: `--profile cpu` must not depend
/// on which file says it is "cpu".
std::string name_of_file(TableReader& reader, std::string_view key, const TomlDocument& document);

/// Adds the profile of one file, with what it does not say itself taken from the file that it
/// `extends` (in the same folder, up to eight of them one after the other).
void read_profile(TomlDocument document, Problems& problems, Catalogue& catalogue);

}  // namespace assay
