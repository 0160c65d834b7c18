#pragma once
// A series in one line of text.

#include <cstddef>
#include <span>
#include <string>

namespace assay {

/// One of "▁▂▃▄▅▆▇█" a value, between the least and the most of them; equal values are all "▄". Of
/// more than `most` values the newest are shown, after a "…".
std::string sparkline(std::span<const double> values, std::size_t most = 40);

}  // namespace assay
