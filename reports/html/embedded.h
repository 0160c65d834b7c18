#pragma once
// Files that travel inside the program: the page's style and program, and the plotting library.

#include <string_view>

namespace assay {

std::string_view page_style();
std::string_view page_program();
/// plotly.js (MIT licence, which its first lines name), gzip and base64; empty when the build had
/// none.
std::string_view plotly_library();

}  // namespace assay
