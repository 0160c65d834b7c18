#include "reports/report.h"

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "reports/document.h"
#include "reports/format.h"

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

Document document_of(const Store& store, const std::string& experiment) {
  return make_document({.name = experiment,
                        .config = store.experiment_config(experiment),
                        .rows = store.results(experiment),
                        .environments = store.environments(experiment)});
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

std::string render_report(const Store& store, const std::string& experiment,
                          const std::string& format, const RenderOptions& options) {
  const Format& chosen = registry().get(format);
  const std::vector<std::string> known = store.experiments();
  if (!experiment.empty() && std::find(known.begin(), known.end(), experiment) == known.end()) {
    throw UserError(unknown_name_message("experiment", experiment, known));
  }
  std::vector<Document> documents;
  for (const std::string& name : experiment.empty() ? known : std::vector{experiment}) {
    documents.push_back(document_of(store, name));
  }
  return chosen.render(documents, options);
}

std::vector<std::string> report_formats() { return registry().names(); }

}  // namespace assay
