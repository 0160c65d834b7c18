#include "harness/base/colour.h"

#include "harness/base/files.h"

namespace assay {
namespace {

/// Of the palette of 256: 32 is #0087d7, 166 is #d75f00.
const char* code_of(Ink ink) {
  switch (ink) {
    case Ink::kBold:
      return "1";
    case Ink::kDim:
      return "2";
    case Ink::kGood:
      return "38;5;32";
    case Ink::kBad:
      return "38;5;166";
    case Ink::kPlain:
      break;
  }
  return "";
}

}  // namespace

std::string painted(const std::string& text, Ink ink, bool enabled) {
  if (!enabled || ink == Ink::kPlain || text.empty()) return text;
  return std::string("\x1b[") + code_of(ink) + "m" + text + "\x1b[0m";
}

bool terminal_has_escapes() {
  const std::string term = environment_or("TERM", "");
  return !term.empty() && term != "dumb";
}

bool wants_colour() { return terminal_has_escapes() && environment_or("NO_COLOR", "").empty(); }

}  // namespace assay
