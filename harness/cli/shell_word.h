#pragma once
// Text that a user can paste into a shell.

#include <string>

namespace assay {

/// As it is where a POSIX shell reads it as one word, else in single quotes.
std::string shell_word(const std::string& text);

}  // namespace assay
