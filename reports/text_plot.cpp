#include "reports/text_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "harness/base/display.h"
#include "reports/numbers.h"

namespace assay {
namespace {

constexpr std::size_t kLeastWidth = 40;

/// Positions from 0 to places - 1, of the least value to the largest.
struct Scale {
  double least = 0, most = 1;
  bool logarithmic = false;
  std::size_t places = 1;

  [[nodiscard]] double placed(double value) const { return logarithmic ? std::log(value) : value; }
  [[nodiscard]] std::size_t at(double value) const {
    const double range = placed(most) - placed(least);
    if (range <= 0) return places / 2;
    const double share = (placed(value) - placed(least)) / range;
    return static_cast<std::size_t>(std::lround(share * static_cast<double>(places - 1)));
  }
};

using Points = std::vector<const PlotPoint*>;

Points points_of(const Plot& plot) {
  Points points;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      if (point.y && std::isfinite(point.x) && std::isfinite(*point.y)) points.push_back(&point);
    }
  }
  std::ranges::stable_sort(points, {}, &PlotPoint::x);
  return points;
}

Scale scale_of(const Points& points, bool of_x, const PlotAxis& axis, std::size_t places) {
  std::vector<double> values;
  for (const PlotPoint* point : points) values.push_back(of_x ? point->x : *point->y);
  const auto [least, most] = std::ranges::minmax(values);
  return {least, most, axis.logarithmic && least > 0, places};
}

/// The free place of the row that is nearest to `column`; nothing when the row is full.
std::optional<std::size_t> free_place(const std::string& row, std::size_t column) {
  for (std::size_t away = 0; away < row.size(); ++away) {
    if (column + away < row.size() && row[column + away] == ' ') return column + away;
    if (away <= column && row[column - away] == ' ') return column - away;
  }
  return std::nullopt;
}

char letter_of(std::size_t index, const PlotPoint& point) {
  return static_cast<char>((point.marked ? 'A' : 'a') + static_cast<char>(index));
}

/// Rows from the top one down.
std::vector<std::string> drawn(const Points& points, const Plot& plot, std::size_t width,
                               std::size_t height) {
  const Scale x = scale_of(points, true, plot.x, width);
  const Scale y = scale_of(points, false, plot.y, height);
  std::vector<std::string> rows(height, std::string(width, ' '));
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::string& row = rows[height - 1 - y.at(*points[i]->y)];
    if (const auto place = free_place(row, x.at(points[i]->x))) {
      row[*place] = letter_of(i, *points[i]);
    }
  }
  return rows;
}

std::string axis_title(const PlotAxis& axis) {
  const std::string unit = axis.unit.empty() ? "" : ", " + axis.unit;
  const std::string better = axis.direction > 0   ? ", more is better"
                             : axis.direction < 0 ? ", less is better"
                                                  : "";
  return visible(axis.title) + unit + (axis.logarithmic ? ", logarithmic" : "") + better;
}

/// The numbers at both ends of the x axis with its title between them.
std::string x_line(const Points& points, const PlotAxis& axis, std::size_t width) {
  const std::string least = number_text(points.front()->x);
  const std::string most = number_text(points.back()->x);
  const std::size_t room = width - std::min(width, least.size() + most.size() + 2);
  const std::string title = cut(axis_title(axis), std::max<std::size_t>(room, 1));
  const std::size_t left = (room - std::min(room, display_width(title))) / 2;
  return least + " " + pad_right(std::string(left, ' ') + title, room) + " " + most;
}

std::vector<std::string> key_of(const Points& points, std::size_t width) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const PlotPoint& point = *points[i];
    lines.push_back(cut(fmt::format("  {} {}{}", letter_of(i, point), visible(point.label),
                                    point.undecided ? " (undecided)" : ""),
                        width));
  }
  return lines;
}

}  // namespace

std::vector<std::string> text_plot(const Plot& plot, std::size_t width, std::size_t height) {
  if (plot.kind != Plot::Kind::kScatter || width < kLeastWidth || height == 0) return {};
  const Points points = points_of(plot);
  if (points.size() < 2 || points.size() > kMostLetters) return {};
  const auto [low, high] =
      std::ranges::minmax(points, {}, [](const PlotPoint* point) { return *point->y; });
  const std::string top = number_text(*high->y), bottom = number_text(*low->y);
  const std::size_t margin = std::max(top.size(), bottom.size());
  const std::size_t inner = width - margin - 3;
  const auto rows = drawn(points, plot, inner, height);
  std::vector<std::string> lines = {cut(axis_title(plot.y), width)};
  for (std::size_t i = 0; i < height; ++i) {
    const std::string number = i == 0 ? top : i + 1 == height ? bottom : "";
    lines.push_back(pad_left(number, margin) + " │" + rows[i]);
    lines.back().erase(lines.back().find_last_not_of(' ') + 1);
  }
  std::string rule;
  for (std::size_t i = 0; i <= inner; ++i) rule += i == 0 ? "└" : "─";
  lines.push_back(std::string(margin + 1, ' ') + rule);
  lines.push_back(std::string(margin + 2, ' ') + x_line(points, plot.x, inner));
  const auto key = key_of(points, width);
  lines.insert(lines.end(), key.begin(), key.end());
  return lines;
}

}  // namespace assay
