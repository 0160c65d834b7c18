#include "harness/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "harness/base/display.h"
#include "harness/base/numbers.h"

namespace assay {
namespace {

using Units = std::array<const char*, 5>;  // each a power of the one below

constexpr Units kBinaryUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
constexpr Units kDecimalUnits = {"bytes", "kB", "MB", "GB", "TB"};
constexpr std::size_t kLongestMistyped = 100;  // bytes
constexpr std::size_t kShownNameColumns = 80;
constexpr std::int64_t kLongSeconds = 3600;
constexpr double kBinaryStep = 1024, kDecimalStep = 1000;

/// In the largest unit of which there is one.
std::string in_units(std::int64_t bytes, double step, const Units& units) {
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} {}", bytes, units[0])
                   : fmt::format("{:.1f} {}", value, units[unit]);
}

char folded(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

/// Metrics of single layers come by the thousand: nobody reads them all in a message.
std::string first_names(const std::vector<std::string>& known) {
  constexpr std::size_t kMost = 40;
  if (known.empty()) return "none";
  if (known.size() <= kMost) return visible(join(known, ", "));
  return fmt::format("{} and {} more", visible(join({known.begin(), known.begin() + kMost}, ", ")),
                     known.size() - kMost);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                           folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string>& known) {
  if (name.size() > kLongestMistyped) return {};
  const std::size_t limit = name.size() <= 4 ? 1 : 2;
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : known) {
    const auto more = std::ssize(name) - std::ssize(candidate);
    if (static_cast<std::size_t>(std::abs(more)) > limit) continue;  // each of them is an edit
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= limit) ranked.emplace_back(distance, candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, ranked.size()); ++i) {
    names.push_back(ranked[i].second);
  }
  return names;
}

std::string quoted_name(std::string_view name) {
  // A character takes at most four bytes: what is cut away here would not have been shown.
  const std::string_view start = name.substr(0, 4 * kShownNameColumns + 4);
  std::string shown = cut(visible(start), kShownNameColumns);
  if (start.size() < name.size() && !shown.ends_with("…")) shown += "…";
  return fmt::format("'{}'", shown);
}

std::string known_names_message(std::string_view name, std::vector<std::string> known) {
  std::sort(known.begin(), known.end());
  const std::vector<std::string> near = nearest_names(name, known);
  const std::string text =
      near.empty() ? ";" : fmt::format("; did you mean '{}'?", visible(join(near, "' or '")));
  return text + " known: " + first_names(known);
}

std::string unknown_name_message(std::string_view what, std::string_view name,
                                 std::vector<std::string> known) {
  return fmt::format("unknown {} {}{}", what, quoted_name(name),
                     known_names_message(name, std::move(known)));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string enumerated(std::vector<std::string> parts) {
  if (parts.size() < 2) return join(parts, "");
  const std::string last = std::move(parts.back());
  parts.pop_back();
  return join(parts, ", ") + " and " + last;
}

std::string human_bytes(std::int64_t bytes) { return in_units(bytes, kBinaryStep, kBinaryUnits); }

std::string decimal_bytes(std::int64_t bytes) {
  return in_units(bytes, kDecimalStep, kDecimalUnits);
}

std::optional<std::int64_t> decimal_size(const std::string& text) {
  constexpr double kMost = 1e18;  // a million TB
  const auto amount = amount_from(text);
  if (!amount || amount->decimals > 3) return std::nullopt;
  const auto unit = std::ranges::find(kDecimalUnits.begin() + 2, kDecimalUnits.end(), amount->unit);
  if (unit == kDecimalUnits.end()) return std::nullopt;
  const double size = amount->number * std::pow(kDecimalStep, unit - kDecimalUnits.begin());
  if (size < 0.5 || size > kMost) return std::nullopt;
  return static_cast<std::int64_t>(std::llround(size));
}

std::string human_seconds(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < kLongSeconds) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  const auto minutes = static_cast<std::int64_t>(std::llround(seconds / 60));
  return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
}

}  // namespace assay
