#pragma once
// The one exit for text: everything that `assay` says goes through here. Names and messages may
// come from a stranger's database, file or child process, so control characters (escape sequences
// among them), bidirectional controls and bytes that are not UTF-8 never leave as they are.

#include <string>
#include <string_view>

namespace assay {

/// Like visible(), but line ends and tabs stay; colours (SGR sequences) stay when `coloured`.
std::string printable(std::string_view text, bool coloured = false);

/// On standard output. Throws MachineError unless all of it was written.
void print_out(std::string_view text);
/// Text of our own renderers, which sanitise names themselves and add colours.
void print_coloured(std::string_view text);
/// Throws MachineError when the last bytes did not arrive; call at the end of the program.
void close_output();

/// On standard error, as well as possible: a terminal that went away stops no measurement.
void print_error(std::string_view text) noexcept;
/// Replaces the live line of a terminal; an empty text clears it.
void redraw_error_line(std::string_view text) noexcept;

/// Call first in main: descriptors 0 to 2 that are closed get a place holder that cannot be
/// written, so that no file is ever opened under their numbers.
void guard_standard_descriptors();

/// Writing into a broken pipe, or beyond the limit of a file's size, fails and can be said, instead
/// of ending the program.
void errors_instead_of_signals();

}  // namespace assay
