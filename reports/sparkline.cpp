#include "reports/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace assay {

std::string sparkline(std::span<const double> values, std::size_t most) {
  static constexpr std::array kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string text;
  if (values.size() > most) {
    text = "…";
    values = values.last(most);
  }
  if (values.empty()) return text;
  const auto [least, highest] = std::minmax_element(values.begin(), values.end());
  const double range = *highest - *least;
  for (const double value : values) {
    const double share = range > 0 ? (value - *least) / range : 0.5;
    const auto level = std::lround(share * (kBars.size() - 1) - (range > 0 ? 0 : 0.5));
    text += kBars.at(static_cast<std::size_t>(level));
  }
  return text;
}

}  // namespace assay
