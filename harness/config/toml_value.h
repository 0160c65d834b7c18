#pragma once
// Values of settings on a command line, as TOML has them.

#include <toml++/toml.h>

#include <string>

namespace assay {

inline constexpr const char* kValueKey = "value";

/// A table with the text's value under kValueKey: what the text is in TOML, and the text itself
/// where it is no TOML, or a time such as 16:32.
toml::table toml_value(const std::string& text);

/// A value as TOML on one line.
std::string toml_text(const toml::node& value);

/// The text in quotes.
std::string toml_quoted(const std::string& text);

}  // namespace assay
