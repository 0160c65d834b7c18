#pragma once
// Colours for words that say the same without them: blue and vermilion of Okabe and Ito, which
// people with any colour vision tell apart, on dark and on light ground.

#include <string>

namespace assay {

enum class Ink {
  kPlain,
  kBold,
  kDim,
  kGood,  ///< better: blue
  kBad,   ///< worse, and words that stand where a number should: vermilion
};

/// The text between the sequences of an ink; as it is when not `enabled`, or empty.
std::string painted(const std::string& text, Ink ink, bool enabled);

/// False where TERM says that the terminal knows no escape sequences, or says nothing.
bool terminal_has_escapes();

/// Whether somebody at a terminal wants colours: it has them, and NO_COLOR is not set.
bool wants_colour();

}  // namespace assay
