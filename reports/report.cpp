#include "reports/report.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "reports/document.h"
#include "reports/format.h"
#include "reports/history.h"
#include "reports/layout.h"
#include "reports/machines.h"
#include "reports/origins.h"

namespace assay {
namespace {

const FormatRegistry& registry() {
  static const FormatRegistry kRegistry = [] {
    FormatRegistry formats;
    register_report_formats(formats);
    return formats;
  }();
  return kRegistry;
}

/// The newest examination of each profile of the rows.
std::vector<Json> newest_checks(const Store& store, const std::vector<ResultRow>& rows) {
  std::set<std::string> profiles;
  for (const ResultRow& row : rows) profiles.insert(row.profile);
  std::vector<Json> checks;
  for (const std::string& profile : profiles) {
    std::vector<Json> found = store.machine_checks(profile);
    if (!found.empty()) checks.push_back(std::move(found.front()));
  }
  return checks;
}

ExperimentResults results_of(const Store& store, const std::string& experiment,
                             const Format& format) {
  ExperimentResults results{.name = experiment,
                            .config = store.experiment_config(experiment),
                            .rows = store.results(experiment),
                            .environments = store.environments(experiment)};
  set_origins(results.rows, store.imported_from(experiment));
  results.machine_checks = newest_checks(store, results.rows);
  results.machines = store.machines();
  results.remarks = store.remarks(experiment);
  for (Remark& remark : machine_remarks(results)) results.remarks.push_back(std::move(remark));
  results.cells = store.cell_records(experiment);
  results.overhead = store.harness_overhead(experiment);
  if (format.long_report || format.raw_values) results.timings = store.timed_series(experiment);
  if (format.long_report) {
    results.processes = store.process_totals(experiment);
    results.origins = store.origins(experiment);
    results.speed_ups = speed_ups(store, experiment);
  }
  return results;
}

/// Names to report on: the one asked for, or all.
std::vector<std::string> chosen(const Store& store, const std::string& experiment) {
  std::vector<std::string> known = store.experiments();
  if (experiment.empty()) return known;
  if (std::find(known.begin(), known.end(), experiment) == known.end()) {
    throw UserError(unknown_name_message("experiment", experiment, known));
  }
  return {experiment};
}

}  // namespace

void FormatRegistry::add(Format format) {
  std::string name = format.name;
  formats_.insert_or_assign(std::move(name), std::move(format));
}

const Format& FormatRegistry::get(const std::string& name) const {
  const auto found = formats_.find(name);
  if (found == formats_.end())
    throw UserError(unknown_name_message("report format", name, names()));
  return found->second;
}

std::vector<std::string> FormatRegistry::names() const {
  std::vector<std::string> result;
  for (const auto& [name, format] : formats_) result.push_back(name);
  return result;
}

std::string FormatRegistry::name_of_extension(const std::string& extension) const {
  for (const auto& [name, format] : formats_) {
    if (format.extension == extension) return name;
  }
  return "";
}

std::string render_report(const Store& store, const std::string& experiment,
                          const std::string& format, const RenderOptions& options) {
  const Format& made = registry().get(format);
  std::vector<Document> documents;
  for (const std::string& name : chosen(store, experiment)) {
    documents.push_back(make_document(results_of(store, name, made),
                                      made.long_report ? Detail::kAll : Detail::kTables));
  }
  return made.render(documents, options);
}

std::string render_report(const Store& store, const std::string& experiment, const Layout& layout,
                          const std::string& format, const RenderOptions& options) {
  const Format& made = registry().get(format);
  std::vector<Document> documents;
  for (const std::string& name : chosen(store, experiment)) {
    documents.push_back(make_document(results_of(store, name, made), layout));
  }
  return made.render(documents, options);
}

std::vector<Layout> stored_layouts(const Store& store, const std::string& experiment) {
  std::vector<Layout> layouts;
  const Json config = store.experiment_config(experiment);
  if (!config.is_object() || !config.contains("reports")) return layouts;
  for (const Json& entry : config.at("reports")) layouts.push_back(layout_from_json(entry));
  return layouts;
}

std::string render_history(const Store& store, const std::string& metric,
                           const HistoryOptions& history, const std::string& format,
                           const RenderOptions& options) {
  const Format& made = registry().get(format);
  return made.render({history_document(store, metric, history)}, options);
}

std::vector<std::string> report_formats() { return registry().names(); }

std::string report_extension(const std::string& format) { return registry().get(format).extension; }

std::string report_format_of_path(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  return extension.empty() ? "" : registry().name_of_extension(extension.substr(1));
}

}  // namespace assay
