#pragma once
// Text in columns of a terminal: how wide it is, and what must not reach a terminal as it stands.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Takes one character off the front of a text that is not empty; nothing (and one byte taken) when
/// it is not UTF-8.
std::optional<char32_t> take_character(std::string_view& text);

/// True when all of the text is UTF-8.
bool is_utf8(std::string_view text);

/// The text with control characters written out ("\n", "\x1b"), bidirectional controls too
/// ("\u202e") and what Unicode keeps free of characters ("\ufffe"), and bytes that are not UTF-8
/// replaced by U+FFFD.
std::string visible(std::string_view text);

/// Columns of a terminal that valid UTF-8 takes: 2 for East Asian wide characters and emoji, 0 for
/// combining marks, joiners and variation selectors.
std::size_t display_width(std::string_view text);

/// Spaces after (or before) the text up to `width`.
std::string pad_right(const std::string& text, std::size_t width);
std::string pad_left(const std::string& text, std::size_t width);

/// Lines of as many cells each, as columns two spaces apart; the last one is not padded.
std::string columns(const std::vector<std::vector<std::string>>& lines);

/// Bytes of the longest start of the text that takes at most `width` columns.
std::size_t fitting_bytes(std::string_view text, std::size_t width);

/// The text in lines of at most `width` columns (>= 1), broken at spaces, and inside of words that
/// are wider; lines after the first begin with `indent` spaces. Every character stays but for runs
/// of spaces; at least one line.
std::vector<std::string> fold_lines(std::string_view text, std::size_t width,
                                    std::size_t indent = 0);

/// Cut to `width` with a closing "…" when it is wider; width >= 1.
std::string cut(const std::string& text, std::size_t width);

}  // namespace assay
