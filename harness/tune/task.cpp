#include "harness/tune/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/tune/setting.h"

namespace assay::tune {
namespace {

using Rows = std::vector<const ResultRow*>;

/// The only value of a field, or the one that was asked for. Throws UserError.
std::string only_one(const Rows& rows, std::string ResultRow::*field, const std::string& asked,
                     const char* option) {
  std::set<std::string> there;
  for (const ResultRow* row : rows) there.insert(row->*field);
  if (!asked.empty() && there.contains(asked)) return asked;
  const std::string names = join({there.begin(), there.end()}, ", ");
  if (!asked.empty()) {
    throw UserError(fmt::format("{} {}: the database has {}", option, asked, names));
  }
  if (there.size() == 1) return *there.begin();
  throw UserError(fmt::format("{}: give one of {}", option, names.empty() ? "none" : names));
}

Rows only(const Rows& rows, std::string ResultRow::*field, const std::string& value) {
  Rows kept;
  std::ranges::copy_if(rows, std::back_inserter(kept),
                       [&](const ResultRow* row) { return row->*field == value; });
  return kept;
}

std::string aim_name(const ResultRow& row) { return row.suite + "/" + row.metric; }

/// Rows with a value of the metric that `asked` names, with or without its suite.
Rows rows_of_metric(const Rows& rows, const std::string& asked) {
  Rows found;
  std::ranges::copy_if(rows, std::back_inserter(found), [&](const ResultRow* row) {
    return row->value && row->direction != 0 && (row->metric == asked || aim_name(*row) == asked);
  });
  return found;
}

std::set<std::string> names_of(const Rows& rows) {
  std::set<std::string> names;
  for (const ResultRow* row : rows) {
    if (row->value && row->direction != 0) names.insert(aim_name(*row));
  }
  return names;
}

Rows asked_metric(const Rows& rows, const std::string& asked,
                  const std::vector<std::string>& preferred, const char* option) {
  if (!asked.empty()) return rows_of_metric(rows, asked);
  for (const std::string& metric : preferred) {
    if (Rows found = rows_of_metric(rows, metric); !found.empty()) return found;
  }
  const std::set<std::string> there = names_of(rows);
  const std::string choice = join({there.begin(), there.end()}, ", ");
  throw UserError(fmt::format("{}: none of {} was measured; {}", option, join(preferred, ", "),
                              choice.empty() ? "nor anything else" : "give one of " + choice));
}

/// Rows of one metric of one setting of one suite, measured under one convention.
Rows rows_of_aim(const Rows& rows, const std::string& asked,
                 const std::vector<std::string>& preferred, const char* option) {
  Rows found = asked_metric(rows, asked, preferred, option);
  const std::set<std::string> names = names_of(found);
  if (names.size() != 1) {
    const std::set<std::string> all = names.empty() ? names_of(rows) : names;
    throw UserError(
        fmt::format("{} {}: give one of {}", option, asked, join({all.begin(), all.end()}, ", ")));
  }
  for (const auto field : {&ResultRow::suite_params, &ResultRow::convention, &ResultRow::profile}) {
    if (std::ranges::all_of(found,
                            [&](const ResultRow* row) { return row->*field == found[0]->*field; }))
      continue;
    throw UserError(fmt::format(
        "{} {}: measured in several ways (settings of the suite, conventions or profiles): one "
        "experiment with one of them, or --profile",
        option, *names.begin()));
  }
  return found;
}

Aim aim_of(const ResultRow& row) {
  return {row.suite, row.metric, row.unit, Scale(row.basis, row.direction)};
}

/// Times of two machines are no cost of one.
void same_machine(const Rows& rows, const Aim& aim) {
  for (const ResultRow* row : rows) {
    if (!row->timed || row->machine == rows[0]->machine) continue;
    throw UserError(fmt::format("--cost {}/{}: taken on '{}' and on '{}'", aim.suite, aim.metric,
                                rows[0]->machine, row->machine));
  }
}

/// Mean over the seeds. Its variance is that of the measurements or of what the seeds gave,
/// whichever is larger.
std::optional<Value> pooled(const Rows& rows, const Scale& scale) {
  std::vector<double> values;
  double measured = 0;
  for (const ResultRow* row : rows) {
    const std::optional<double> inner = scale.inner(*row->value);
    if (!inner) return std::nullopt;
    values.push_back(*inner);
    measured += scale.variance(*row);
  }
  if (values.empty()) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  Value value;
  for (const double one : values) value.inner += one / n;
  for (const double one : values) value.between += (one - value.inner) * (one - value.inner);
  if (values.size() > 1) value.between /= n - 1;
  value.variance = std::max(measured / n, value.between) / n;
  return value;
}

/// Settings that have what `where` wants of those with the parameter; names the others in
/// `left_out`. Throws UserError for a parameter that no setting has.
std::vector<Setting> wanted_settings(const Rows& rows, const std::vector<std::string>& where,
                                     std::vector<std::string>& left_out) {
  std::vector<Setting> settings = settings_of(rows);
  for (const std::string& text : where) {
    const Wanted wanted(text);
    const auto of = [](const Setting& one) { return chain_parameters(one.method, one.params); };
    if (std::ranges::none_of(settings, [&](const Setting& one) { return wanted.known(of(one)); })) {
      throw UserError(fmt::format("--where {}: no setting has this parameter", text));
    }
    std::erase_if(settings, [&](const Setting& one) {
      if (wanted.fits(of(one))) return false;
      left_out.push_back(chain_text(one));
      return true;
    });
  }
  return settings;
}

Rows of_setting(const Rows& rows, const Setting& setting) {
  Rows found;
  std::ranges::copy_if(rows, std::back_inserter(found), [&](const ResultRow* row) {
    return row->method == setting.method && row->params == setting.params;
  });
  return found;
}

Cell measured(const Setting& setting, const Rows& all, const Rows& quality, const Rows& gain,
              const Task& task) {
  Cell cell{{}, setting.method, setting.params, {}, {}, {}, {}};
  const Rows of_quality = of_setting(quality, setting);
  cell.quality = pooled(of_quality, task.quality.scale);
  for (const ResultRow* row : of_quality) cell.keys.push_back(row->cell_key);
  cell.gain = pooled(of_setting(gain, setting), task.gain.scale);
  for (const ResultRow* row : of_setting(all, setting)) {
    if (row->metric == "fit/seconds" && row->value) cell.fit_seconds = row->value;
  }
  return cell;
}

void refuse_same_place(const std::vector<Cell>& cells, const std::vector<Axis>& axes,
                       const Cell& cell) {
  const auto twin =
      std::ranges::find_if(cells, [&](const Cell& other) { return other.at == cell.at; });
  if (twin == cells.end()) return;
  throw UserError(
      fmt::format("two settings stand at {}: {}\nleave one out with --where METHOD.PARAMETER=VALUE",
                  place_text(axes, cell.at),
                  difference_text({twin->method, twin->params}, {cell.method, cell.params})));
}

/// At its place, where it has one on all axes; else it is left out.
void put_on_axes(Task& task, Cell cell, const ChainParameters& parameters) {
  const auto place = place_of(parameters, task.axes);
  if (!place) {
    task.left_out.push_back(chain_text({cell.method, cell.params}));
    return;
  }
  cell.at = *place;
  refuse_same_place(task.cells, task.axes, cell);
  task.cells.push_back(std::move(cell));
}

/// The setting without any method of the axes: of the method that was asked for, the dense one, or
/// the only one.
Cell reference_of(const std::vector<Cell>& without, const std::string& asked) {
  std::vector<const Cell*> found;
  std::set<std::string> names;
  for (const Cell& cell : without) {
    if (!cell.quality) continue;
    names.insert(cell.method);
    if (asked.empty() || cell.method == asked) found.push_back(&cell);
  }
  const auto dense =
      std::ranges::find_if(found, [](const Cell* cell) { return cell->method == "dense"; });
  if (dense != found.end()) return **dense;
  if (found.size() == 1) return *found[0];
  throw UserError(fmt::format(
      "--reference: {} settings{} have a quality to count the budget from; there are {}",
      found.size(), asked.empty() ? "" : fmt::format(" of '{}'", asked),
      names.empty() ? "none without the methods of --over"
                    : join({names.begin(), names.end()}, ", ")));
}

}  // namespace

std::string place_text(const std::vector<Axis>& axes, const std::vector<double>& place) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    parts.push_back(fmt::format("{}={:g}", axes[i].name, place[i]));
  }
  return join(parts, ", ");
}

Task read_task(const std::vector<ResultRow>& rows, const TaskQuery& query,
               const std::vector<std::string>& qualities, const std::vector<std::string>& costs) {
  Rows all;
  for (const ResultRow& row : rows) all.push_back(&row);
  all = only(all, &ResultRow::model, only_one(all, &ResultRow::model, query.model, "--model"));
  if (!query.profile.empty()) {
    all = only(all, &ResultRow::profile,
               only_one(all, &ResultRow::profile, query.profile, "--profile"));
  }
  const Rows quality = rows_of_aim(all, query.quality, qualities, "--quality");
  const Rows gain = rows_of_aim(all, query.cost, costs, "--cost");
  Task task{query.over, aim_of(*quality[0]), aim_of(*gain[0]), {}, {}, {}};
  same_machine(gain, task.gain);
  std::vector<Cell> without;
  for (const Setting& setting : wanted_settings(all, query.where, task.left_out)) {
    const ChainParameters parameters = chain_parameters(setting.method, setting.params);
    Cell cell = measured(setting, all, quality, gain, task);
    if (!cell.quality && !cell.gain) continue;
    if (has_method_of(parameters, query.over)) {
      put_on_axes(task, std::move(cell), parameters);
    } else {
      without.push_back(std::move(cell));
    }
  }
  task.reference = reference_of(without, query.reference);
  // Of what none of these methods touched only the reference is a setting of theirs.
  for (const Cell& cell : without) {
    if (cell.keys == task.reference.keys) {
      put_on_axes(task, cell, {});
    } else {
      task.left_out.push_back(chain_text({cell.method, cell.params}));
    }
  }
  std::ranges::sort(task.cells, {}, &Cell::at);
  return task;
}

}  // namespace assay::tune
