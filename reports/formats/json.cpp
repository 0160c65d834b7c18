// Strict JSON: sorted keys, null for what is not a number, a version of the layout.

#include <cmath>

#include "reports/format.h"

namespace assay {
namespace {

/// Raise when a key changes its meaning or goes away.
constexpr int kSchemaVersion = 1;

Json number(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

/// Parameters as the object they are; other text stays text.
Json parameters(const std::string& text) {
  Json document = Json::parse(text, nullptr, false);
  return document.is_object() ? document : Json(text);
}

Json record(const ResultRow& row) {
  return {{"experiment", row.experiment},
          {"model", row.model},
          {"method", row.method},
          {"params", parameters(row.params)},
          {"suite", row.suite},
          {"suite_params", parameters(row.suite_params)},
          {"metric", row.metric},
          {"unit", row.unit},
          {"convention", row.convention},
          {"direction", row.direction},
          {"profile", row.profile},
          {"seed", row.seed},
          {"status", row.status},
          {"reason", row.reason},
          {"value", number(row.value)},
          {"lo", number(row.lo)},
          {"hi", number(row.hi)},
          {"n", row.n},
          {"twin_value", number(row.twin_value)},
          {"ratio", number(row.ratio)},
          {"cell_key", row.cell_key},
          {"random_weights", row.random_weights},
          {"limited", row.limited}};
}

Json experiment(const Document& document) {
  Json records = Json::array();
  for (const ResultRow& row : document.records) records.push_back(record(row));
  return {{"title", document.title},
          {"warnings", document.warnings},
          {"environment", document.environment},
          {"footer", document.footer},
          {"results", std::move(records)}};
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  Json experiments = Json::array();
  for (const Document& document : documents) experiments.push_back(experiment(document));
  const Json report = {{"schema_version", kSchemaVersion}, {"experiments", experiments}};
  return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void register_json_format(FormatRegistry& registry) {
  registry.add({.name = "json",
                .summary = "every value, strict JSON with sorted keys",
                .extension = "json",
                .render = render});
}

}  // namespace assay
