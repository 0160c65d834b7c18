#pragma once
// A scatter for a terminal: letters in a frame, and what each letter stands for.

#include <cstddef>
#include <string>
#include <vector>

#include "reports/plot.h"

namespace assay {

/// Most points that a picture of letters can hold.
inline constexpr std::size_t kMostLetters = 26;

/// Lines of at most `width` columns, the frame `height` rows high: capital letters for points on
/// the front, small ones for the rest, then the key in order of x. A point whose place is taken
/// stands as near to it as there is room. Empty for plots that are no scatter, have fewer than two
/// points, more than kMostLetters, or less room than 40 columns.
std::vector<std::string> text_plot(const Plot& plot, std::size_t width, std::size_t height);

}  // namespace assay
