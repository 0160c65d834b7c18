#pragma once
// Names that become parts of paths. A database, a manifest or an archive may come from a stranger:
// whatever is joined to a folder passes through here first.

#include <string>
#include <string_view>

namespace assay {

/// A letter or digit, then letters, digits, '.', '_' and '-': what experiments and layouts may be
/// called. Never a path, never hidden.
bool is_name(std::string_view name);

/// What is_name() allows, for messages.
inline constexpr const char* kNameRule = "letters, digits, '.', '_' and '-'";

/// The name itself when it may be a file's name. Throws UserError otherwise: "layout '../x' ...".
const std::string& checked_file_name(std::string_view what, const std::string& name);

}  // namespace assay
