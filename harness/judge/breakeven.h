#pragma once
// Where along an axis (batch, prompt length, sparsity) a method starts or stops being faster than
// dense. Answers are brackets, never points, and nothing is assumed of the curve's shape.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/judge/predicted.h"

namespace assay {

/// On which side of 1 the whole interval of a speed-up lies.
enum class Side { kFaster, kSlower, kUndecided, kNotMeasured };
/// "faster", "slower", "undecided", "not measured".
std::string side_name(Side side);
/// Without an interval nothing is decided; without a speed-up nothing was measured.
Side side_of(const SpeedUp& measured);

struct AxisPoint {
  double value = 0;
  Side side = Side::kNotMeasured;
  SpeedUp measured;
};

struct SearchAxis {
  double from = 0, to = 1;
  bool integer = false;
  double tolerance = 0;          ///< real axes: brackets this narrow are not halved any more
  std::vector<double> grid;      ///< first values, ascending, within [from, to]
  std::size_t most_points = 24;  ///< grid included
};

/// Integers: both ends and the powers of two between them. Real numbers: five equal steps apart.
std::vector<double> default_grid(double from, double to, bool integer);

/// Between two neighbouring decided points of opposite sides.
struct Crossing {
  double from = 0, to = 0;
  Side before = Side::kFaster;    ///< side at `from`; the other one holds at `to`
  std::vector<double> undecided;  ///< points between them that noise or failure left open
};

enum class BreakEvenAnswer { kCrossings, kAlwaysFaster, kAlwaysSlower, kUndecided, kNotMeasured };
/// "crossings", "always faster", "always slower", "undecided", "not measured".
std::string answer_name(BreakEvenAnswer answer);

struct BreakEven {
  std::vector<AxisPoint> points;  ///< ascending
  std::vector<Crossing> crossings;
  BreakEvenAnswer answer = BreakEvenAnswer::kNotMeasured;
  bool out_of_budget = false;  ///< a bracket could have been halved further
};

/// Measures the grid, then halves every bracket whose ends are decided and differ, until its ends
/// are neighbours (or within the tolerance), the middle is undecided, or the budget is spent.
/// What `measure` throws passes through. Throws std::invalid_argument for an empty or unsorted
/// grid.
BreakEven search_break_even(const SearchAxis& axis, const std::function<SpeedUp(double)>& measure);

/// "faster up to batch 4, slower from batch 6; undecided at 5", a sentence an answer.
std::string break_even_text(const BreakEven& found, const std::string& axis);

/// 0 answered; 3 a point could not be measured; 4 undecided.
ExitCode exit_code_of(const BreakEven& found);

}  // namespace assay
