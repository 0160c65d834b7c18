#include "harness/judge/breakeven.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "harness/base/text.h"

namespace assay {
namespace {

bool decided(const AxisPoint& point) {
  return point.side == Side::kFaster || point.side == Side::kSlower;
}

/// 0.1 + 0.2 is meant as 0.3: twelve digits.
double as_written(double value) {
  return std::strtod(fmt::format("{:.12g}", value).c_str(), nullptr);
}

std::vector<Crossing> crossings_of(const std::vector<AxisPoint>& points) {
  std::vector<Crossing> crossings;
  const AxisPoint* last = nullptr;
  std::vector<double> open;
  for (const AxisPoint& point : points) {
    if (!decided(point)) {
      open.push_back(point.value);
      continue;
    }
    if (last != nullptr && last->side != point.side) {
      crossings.push_back({last->value, point.value, last->side, open});
    }
    last = &point;
    open.clear();
  }
  return crossings;
}

class Search {
 public:
  Search(const SearchAxis& axis, const std::function<SpeedUp(double)>& measure)
      : axis_(axis), measure_(measure) {}

  BreakEven run() {
    for (const double value : axis_.grid) {
      if (found_.points.size() >= axis_.most_points) {
        found_.out_of_budget = true;
        break;
      }
      add(value);
    }
    while (halve_one()) {
    }
    found_.crossings = crossings_of(found_.points);
    found_.answer = answer();
    return found_;
  }

 private:
  void add(double value) {
    AxisPoint point;
    point.value = value;
    point.measured = measure_(value);
    point.side = side_of(point.measured);
    const auto place =
        std::lower_bound(found_.points.begin(), found_.points.end(), value,
                         [](const AxisPoint& other, double v) { return other.value < v; });
    found_.points.insert(place, std::move(point));
  }

  /// Nothing when the ends are as near as the axis allows.
  [[nodiscard]] std::optional<double> middle(const Crossing& crossing) const {
    const double width = crossing.to - crossing.from;
    if (axis_.integer) {
      if (width < 1.5) return std::nullopt;
      return std::floor((crossing.from + crossing.to) / 2);
    }
    if (width <= axis_.tolerance * (1 + 1e-9)) return std::nullopt;
    return as_written((crossing.from + crossing.to) / 2);
  }

  /// False when no bracket can be halved any more.
  bool halve_one() {
    for (const Crossing& crossing : crossings_of(found_.points)) {
      const auto value = crossing.undecided.empty() ? middle(crossing) : std::nullopt;
      if (!value) continue;
      if (found_.points.size() >= axis_.most_points) {
        found_.out_of_budget = true;
        return false;
      }
      add(*value);
      return true;
    }
    return false;
  }

  [[nodiscard]] bool all(Side side) const {
    return std::all_of(found_.points.begin(), found_.points.end(),
                       [side](const AxisPoint& point) { return point.side == side; });
  }
  [[nodiscard]] bool any(Side side) const {
    return std::any_of(found_.points.begin(), found_.points.end(),
                       [side](const AxisPoint& point) { return point.side == side; });
  }

  [[nodiscard]] BreakEvenAnswer answer() const {
    if (!found_.crossings.empty()) return BreakEvenAnswer::kCrossings;
    if (all(Side::kFaster)) return BreakEvenAnswer::kAlwaysFaster;
    if (all(Side::kSlower)) return BreakEvenAnswer::kAlwaysSlower;
    return any(Side::kUndecided) ? BreakEvenAnswer::kUndecided : BreakEvenAnswer::kNotMeasured;
  }

  const SearchAxis& axis_;
  const std::function<SpeedUp(double)>& measure_;
  BreakEven found_;
};

std::string values_text(const std::vector<double>& values) {
  std::vector<std::string> parts;
  for (const double value : values) parts.push_back(fmt::format("{:g}", value));
  return join(parts, ", ");
}

std::vector<double> values_with(const BreakEven& found, Side side) {
  std::vector<double> values;
  for (const AxisPoint& point : found.points) {
    if (point.side == side) values.push_back(point.value);
  }
  return values;
}

std::string crossing_text(const Crossing& crossing, const std::string& axis) {
  const bool faster = crossing.before == Side::kFaster;
  std::string text =
      fmt::format("{} up to {} {:g}, {} from {} {:g}", faster ? "faster" : "slower", axis,
                  crossing.from, faster ? "slower" : "faster", axis, crossing.to);
  if (!crossing.undecided.empty()) {
    text += fmt::format(" (open at {})", values_text(crossing.undecided));
  }
  return text;
}

/// What is left open: "undecided at 4, 8".
std::string open_text(const BreakEven& found) {
  std::vector<std::string> parts;
  for (const Side side : {Side::kFaster, Side::kSlower, Side::kUndecided, Side::kNotMeasured}) {
    const std::vector<double> values = values_with(found, side);
    if (!values.empty()) {
      parts.push_back(fmt::format("{} at {}", side_name(side), values_text(values)));
    }
  }
  return join(parts, ", ");
}

}  // namespace

std::string side_name(Side side) {
  switch (side) {
    case Side::kFaster:
      return "faster";
    case Side::kSlower:
      return "slower";
    case Side::kUndecided:
      return "undecided";
    case Side::kNotMeasured:
      break;
  }
  return "not measured";
}

Side side_of(const SpeedUp& measured) {
  if (!measured.measured) return Side::kNotMeasured;
  if (!measured.interval) return Side::kUndecided;
  if (measured.interval->lo > 1) return Side::kFaster;
  return measured.interval->hi < 1 ? Side::kSlower : Side::kUndecided;
}

std::vector<double> default_grid(double from, double to, bool integer) {
  std::vector<double> grid{from};
  if (integer) {
    for (double power = 1; power < to; power *= 2) {
      if (power > from) grid.push_back(power);
    }
  } else {
    for (int i = 1; i < 4; ++i) grid.push_back(as_written(from + i * (to - from) / 4));
  }
  if (to > from) grid.push_back(to);
  return grid;
}

std::string answer_name(BreakEvenAnswer answer) {
  switch (answer) {
    case BreakEvenAnswer::kCrossings:
      return "crossings";
    case BreakEvenAnswer::kAlwaysFaster:
      return "always faster";
    case BreakEvenAnswer::kAlwaysSlower:
      return "always slower";
    case BreakEvenAnswer::kUndecided:
      return "undecided";
    case BreakEvenAnswer::kNotMeasured:
      break;
  }
  return "not measured";
}

BreakEven search_break_even(const SearchAxis& axis, const std::function<SpeedUp(double)>& measure) {
  const bool ascending = std::is_sorted(axis.grid.begin(), axis.grid.end(), std::less_equal<>());
  if (axis.grid.empty() || !ascending) {
    throw std::invalid_argument("break-even: the grid is empty or not ascending");
  }
  return Search(axis, measure).run();
}

std::string break_even_text(const BreakEven& found, const std::string& axis) {
  const double first = found.points.front().value;
  const double last = found.points.back().value;
  const std::string range = fmt::format("for {} from {:g} to {:g}", axis, first, last);
  std::vector<std::string> sentences;
  switch (found.answer) {
    case BreakEvenAnswer::kCrossings:
      for (const Crossing& crossing : found.crossings) {
        sentences.push_back(crossing_text(crossing, axis));
      }
      break;
    case BreakEvenAnswer::kAlwaysFaster:
      sentences.push_back("faster at every point tried " + range + ": no crossing");
      break;
    case BreakEvenAnswer::kAlwaysSlower:
      sentences.push_back("never faster at any point tried " + range + ": no crossing");
      break;
    case BreakEvenAnswer::kUndecided:
      sentences.push_back("no crossing that stands out of the noise " + range + ": " +
                          open_text(found));
      break;
    case BreakEvenAnswer::kNotMeasured:
      sentences.push_back("no answer " + range + ": " + open_text(found));
      break;
  }
  if (found.out_of_budget) {
    sentences.emplace_back("the budget of points is spent; --most-points allows more");
  }
  return join(sentences, "; ");
}

ExitCode exit_code_of(const BreakEven& found) {
  const bool failed =
      std::any_of(found.points.begin(), found.points.end(),
                  [](const AxisPoint& point) { return point.side == Side::kNotMeasured; });
  if (failed) return ExitCode::kNotMeasured;
  return found.answer == BreakEvenAnswer::kUndecided ? ExitCode::kAmbiguous : ExitCode::kOk;
}

}  // namespace assay
