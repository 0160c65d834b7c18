#include "harness/claims/metrics_file.h"

#include <fmt/format.h>

#include <cmath>

namespace assay {
namespace {

const std::map<std::string, MetricKind>& kinds() {
  static const std::map<std::string, MetricKind> kKinds = {{"perplexity", MetricKind::kPerplexity},
                                                           {"accuracy", MetricKind::kAccuracy},
                                                           {"speedup", MetricKind::kSpeedup},
                                                           {"reduction", MetricKind::kReduction},
                                                           {"time", MetricKind::kTime}};
  return kKinds;
}

MetricKind read_kind(TableReader& reader) {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds()) names.push_back(name);
  const auto word = reader.word("kind", names);
  if (!reader.node().contains("kind")) reader.required_text("kind");
  return kinds().at(word.value_or("perplexity"));
}

void read_metric(TableReader& reader, ClaimSet& claims) {
  ClaimMetric metric;
  metric.id = reader.required_text("id");
  reader.rename("metric '" + metric.id + "'");
  metric.kind = read_kind(reader);
  metric.means = reader.required_text("means");
  metric.tag = reader.text("tag").value_or("");
  metric.suite = reader.text("suite").value_or("");
  metric.convention = reader.text("convention").value_or("");
  metric.absent = reader.text("absent").value_or("");
  if (metric.tag.empty() && metric.absent.empty() && metric.kind != MetricKind::kTime) {
    reader.problem(reader.place(), reader.what() + " needs 'tag', or 'absent' to say why not");
  }
  reader.finish();
  claims.metrics.push_back(std::move(metric));
}

void read_dataset(TableReader& reader, ClaimSet& claims) {
  ClaimDataset dataset;
  dataset.names = reader.texts("names").value_or(std::vector<std::string>{});
  if (dataset.names.empty()) {
    reader.problem(reader.place(), "[[dataset]] has no key 'names'; add it");
    dataset.names = {"?"};
  }
  dataset.suite = reader.required_text("suite");
  dataset.shots = reader.integer("shots", 0, 100).value_or(0);
  reader.finish();
  claims.datasets.push_back(std::move(dataset));
}

void read_tolerance(TableReader& reader, ClaimSet& claims) {
  Tolerance tolerance;
  tolerance.kind = read_kind(reader);
  tolerance.methods = reader.texts("methods").value_or(std::vector<std::string>{});
  tolerance.sparsity = finite_number(reader, "sparsity");
  tolerance.pattern = reader.word("pattern", {"N:M"}).value_or("");
  tolerance.absolute = reader.positive_number("absolute").value_or(0);
  tolerance.relative = reader.positive_number("relative").value_or(0);
  tolerance.other_seed = reader.positive_number("other_seed").value_or(0);
  tolerance.why = reader.required_text("why");
  if ((tolerance.absolute > 0) == (tolerance.relative > 0)) {
    reader.problem(reader.place(), "[[tolerance]] needs either 'absolute' or 'relative'");
  }
  reader.finish();
  claims.tolerances.push_back(std::move(tolerance));
}

}  // namespace

std::optional<double> finite_number(TableReader& reader, std::string_view key) {
  const toml::node* node = reader.take(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (value && std::isfinite(*value)) return value;
  reader.refuse(key, *node, "a finite number");
  return std::nullopt;
}

void read_metrics_file(const TomlDocument& document, Problems& problems, ClaimSet& claims) {
  TableReader reader(document.root, document.file, "metrics.toml", problems);
  for (TableReader& metric : reader.tables("metric")) read_metric(metric, claims);
  for (TableReader& dataset : reader.tables("dataset")) read_dataset(dataset, claims);
  for (TableReader& tolerance : reader.tables("tolerance")) read_tolerance(tolerance, claims);
  reader.finish();
}

}  // namespace assay
