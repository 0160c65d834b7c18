#include "reports/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/judge/match.h"
#include "harness/stats/change_points.h"
#include "reports/labels.h"
#include "reports/layout.h"
#include "reports/numbers.h"
#include "reports/remark_notes.h"
#include "reports/run_warnings.h"
#include "reports/sections/sections.h"
#include "reports/sparkline.h"

namespace assay {
namespace {

/// One setting's values, oldest first.
struct Track {
  std::string title;
  std::vector<const HistoryPoint*> points;
  std::vector<double> values;
  std::vector<Step> steps;
};

ResultRow row_of(const HistoryPoint& point) {
  ResultRow row;
  row.experiment = point.experiment;
  row.model = point.model;
  row.method = point.method;
  row.params = point.params;
  row.suite = point.suite;
  row.suite_params = point.suite_params;
  row.metric = point.metric;
  row.unit = point.unit;
  row.convention = point.convention;
  row.direction = point.direction;
  row.profile = point.profile;
  row.seed = point.seed;
  row.status = "OK";
  row.value = point.value;
  row.lo = point.lo;
  row.hi = point.hi;
  row.cell_key = point.cell_key;
  row.random_weights = point.random_weights;
  row.limited = point.limited;
  return row;
}

/// Where a value comes from: "1f2e3d4c, 2026-01-02 03:04", or only the time.
std::string place_of(const HistoryPoint& point) {
  std::string time = point.at_utc.substr(0, 16);
  std::replace(time.begin(), time.end(), 'T', ' ');
  return point.commit.empty() ? time : fmt::format("{}, {}", point.commit.substr(0, 12), time);
}

bool wanted(const HistoryPoint& point, const HistoryOptions& options) {
  return options.experiment.empty() || point.experiment == options.experiment;
}

/// Points of the experiment that meet the conditions; the rows are those of `points` in order.
std::vector<const HistoryPoint*> chosen_points(const std::vector<HistoryPoint>& points,
                                               const HistoryOptions& options) {
  std::vector<const HistoryPoint*> kept;
  std::vector<ResultRow> rows;
  for (const HistoryPoint& point : points) {
    if (!wanted(point, options)) continue;
    kept.push_back(&point);
    rows.push_back(row_of(point));
    rows.back().cell_key = std::to_string(kept.size() - 1);  // to find the point again
  }
  std::vector<const HistoryPoint*> chosen;
  for (const ResultRow& row : rows_where(rows, options.where)) {
    chosen.push_back(kept[std::stoul(row.cell_key)]);
  }
  return chosen;
}

/// Lines of one title are told apart by where their questions differ.
void tell_apart(std::vector<Track>& tracks) {
  std::map<std::string, const HistoryPoint*> first;
  for (Track& track : tracks) {
    const HistoryPoint& own = *track.points.front();
    const auto [known, added] = first.emplace(track.title + '\n' + own.experiment, &own);
    if (added) continue;
    std::vector<std::string> differences =
        key_differences(known->second->key_doc, own.key_doc, false);
    if (differences.size() > 2) differences.resize(2);
    if (!differences.empty()) track.title += " [" + join(differences, "; ") + "]";
  }
}

std::vector<Track> tracks_of(const std::vector<const HistoryPoint*>& points, double threshold) {
  std::vector<ResultRow> rows;
  rows.reserve(points.size());
  for (const HistoryPoint* point : points) rows.push_back(row_of(*point));
  const Labels labels(rows);
  std::vector<Track> tracks;
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const HistoryPoint& point = *points[i];
    // Other data, another model, convention or profile is another question: never one line.
    const std::string title =
        fmt::format("{}: {}, {}, profile {}", point.model, labels.method(rows[i]),
                    labels.suite(rows[i]), point.profile);
    const auto [place, added] =
        places.emplace(title + '\n' + point.experiment + '\n' + point.convention + '\n' +
                           question_of(point.key_doc),
                       tracks.size());
    if (added) tracks.push_back({title, {}, {}, {}});
    tracks[place->second].points.push_back(&point);
    tracks[place->second].values.push_back(point.value);
  }
  tell_apart(tracks);
  for (Track& track : tracks) track.steps = steps_of(track.values, threshold);
  return tracks;
}

std::string direction_word(const Step& step, int direction) {
  if (direction == 0) return "";
  return (step.after > step.before) == (direction > 0) ? ", better" : ", worse";
}

std::string step_text(const Track& track, const Step& step) {
  return fmt::format("{:+.1f} % from {} on{}", 100 * (step.after / step.before - 1),
                     place_of(*track.points[step.at]),
                     direction_word(step, track.points.front()->direction));
}

std::string steps_text(const Track& track) {
  std::string text;
  for (const Step& step : track.steps) {
    text += (text.empty() ? "" : "; ") + step_text(track, step);
  }
  return text.empty() ? "no step" : text;
}

TableCell point_cell(const HistoryPoint& point) {
  TableCell cell = number_cell(point.value);
  cell.lo = point.lo;
  cell.hi = point.hi;
  return cell;
}

TableCell title_cell(const Track& track, Notes& notes) {
  TableCell cell = label_cell(track.title);
  for (const HistoryPoint* point : track.points) {
    for (const auto& [code, text] : point->remarks) notes.add_remark(cell, {code, text});
  }
  return cell;
}

Table table_of(const std::vector<Track>& tracks, const std::string& metric, Notes& notes) {
  const HistoryPoint& any = *tracks.front().points.front();
  Table table{metric,
              {{"", "setting", "", 0},
               {"", "oldest to newest", "", 0},
               {"", "values", "", 0},
               {"", "oldest", any.unit, any.direction},
               {"", "newest", any.unit, any.direction},
               {"", "steps", "", 0}},
              {}};
  for (const Track& track : tracks) {
    table.rows.push_back({title_cell(track, notes), label_cell(sparkline(track.values)),
                          number_cell(static_cast<double>(track.values.size())),
                          point_cell(*track.points.front()), point_cell(*track.points.back()),
                          label_cell(steps_text(track))});
  }
  return table;
}

PlotSeries levels_of(const Track& track, double divisor) {
  PlotSeries series{"level between steps", {}};
  double first = 0;
  for (const Step& step : track.steps) {
    const double at = static_cast<double>(step.at) - 0.5;
    series.points.push_back({"level before the step", first, step.before / divisor});
    series.points.push_back({step_text(track, step), at, step.before / divisor});
    series.points.push_back({step_text(track, step), at, step.after / divisor});
    first = at;
  }
  if (!track.steps.empty()) {
    series.points.push_back({"level after the step", static_cast<double>(track.values.size() - 1),
                             track.steps.back().after / divisor});
  }
  return series;
}

std::optional<double> over(std::optional<double> value, double divisor) {
  return value ? std::optional(*value / divisor) : std::nullopt;
}

Plot plot_of(const Track& track, const std::string& metric) {
  const HistoryPoint& any = *track.points.front();
  const NumberStyle style = style_for(any.unit, track.values);
  Plot plot;
  plot.kind = Plot::Kind::kLine;
  plot.title = track.title;
  plot.caption = "Steps: " + steps_text(track) + ".";
  plot.x = {"measurement, oldest first", "", false, 0};
  plot.y = {metric, style.unit, false, any.direction};
  PlotSeries series{any.experiment, {}};
  for (std::size_t i = 0; i < track.points.size(); ++i) {
    const HistoryPoint& point = *track.points[i];
    series.points.push_back({place_of(point),
                             static_cast<double>(i),
                             point.value / style.divisor,
                             {},
                             {},
                             over(point.lo, style.divisor),
                             over(point.hi, style.divisor)});
  }
  plot.series.push_back(std::move(series));
  PlotSeries levels = levels_of(track, style.divisor);
  if (!levels.points.empty()) plot.series.push_back(std::move(levels));
  return plot;
}

std::vector<Remark> remarks_of(const std::vector<const HistoryPoint*>& points) {
  std::vector<Remark> remarks;
  std::set<std::pair<std::string, std::string>> said;
  for (const HistoryPoint* point : points) {
    for (const auto& [code, text] : point->remarks) {
      if (!said.emplace(point->cell_key + code, text).second) continue;
      remarks.push_back({point->cell_key, "warning", code, text, 1, 1});
    }
  }
  return remarks;
}

std::vector<std::string> experiments_in(const std::vector<HistoryPoint>& points) {
  std::set<std::string> names;
  for (const HistoryPoint& point : points) names.insert(point.experiment);
  return {names.begin(), names.end()};
}

}  // namespace

Document history_document(const Store& store, const std::string& metric,
                          const HistoryOptions& options) {
  const std::vector<HistoryPoint> points = store.history(metric);
  if (points.empty()) {
    throw UserError(unknown_name_message("metric", metric, store.metric_tags()) +
                    "; only what has a value has a history");
  }
  const std::vector<std::string> known = experiments_in(points);
  if (!options.experiment.empty() &&
      std::find(known.begin(), known.end(), options.experiment) == known.end()) {
    throw UserError(unknown_name_message("experiment", options.experiment, known));
  }
  Document document;
  document.name = "history";
  document.title = "History of " + metric;
  const auto chosen = chosen_points(points, options);
  for (const HistoryPoint* point : chosen) document.records.push_back(row_of(*point));
  if (chosen.empty()) return document;
  const std::vector<Track> tracks = tracks_of(chosen, options.threshold);
  Notes notes;
  document.tables.push_back(table_of(tracks, metric, notes));
  document.notes = notes.list();
  document.remarks = RemarkIndex(remarks_of(chosen));
  add_run_warnings(document, document.records);
  document.footer.push_back(
      fmt::format("A step is a change of level by more than {:.1f} % that lasts: a single value is "
                  "none.",
                  100 * options.threshold));
  Section section{"pictures", "Over time", {}, {}, {}};
  for (const Track& track : tracks) section.plots.push_back(plot_of(track, metric));
  limit_plots(section);
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace assay
