#pragma once
// Text inside HTML and inside JSON that stands in HTML.

#include <string>
#include <string_view>

#include "harness/base/markup.h"  // html_escaped

namespace assay {

/// A JSON string with quotes; "<", ">" and "&" as \u escapes, so that it cannot end a script
/// element.
void append_json_string(std::string& out, std::string_view text);
/// "null" for what is not finite; whole numbers exactly, others with nine digits.
void append_json_number(std::string& out, double value);

/// Letters, digits and '-' of a name, lower case; "x" when nothing is left.
std::string slug(std::string_view text);

}  // namespace assay
