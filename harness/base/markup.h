#pragma once
// Text inside HTML, XML and Markdown: a name is shown as it is called and starts nothing. Control
// and bidirectional characters are written out as visible() does.

#include <string>
#include <string_view>

namespace assay {

/// For element content and double-quoted attributes of HTML and XML.
std::string html_escaped(std::string_view text);

/// For a line of Markdown or a cell of its tables. An underscore inside a word is harmless and
/// stays.
std::string markdown_escaped(std::string_view text);

}  // namespace assay
