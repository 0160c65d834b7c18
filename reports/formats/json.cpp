// Strict JSON: sorted keys, null for what is not a number, a version of the layout.

#include <cmath>

#include "harness/base/json_text.h"
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
  Json document = try_parse_json(text);
  return document.is_object() ? document : Json(text);
}

Json remarks_json(const std::vector<RowRemark>& remarks) {
  Json list = Json::array();
  for (const RowRemark& remark : remarks) {
    list.push_back({{"code", remark.code}, {"text", remark.text}});
  }
  return list;
}

Json record(const ResultRow& row, std::optional<bool> best, const std::vector<RowRemark>& remarks) {
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
          {"machine", row.machine},
          {"origin", row.origin},
          {"random_weights", row.random_weights},
          {"limited", row.limited},
          {"best", best ? Json(*best) : Json(nullptr)},
          {"remarks", remarks_json(remarks)}};
}

std::string text_of(const Json& value) { return json_text(value); }

/// One record a line: a document of all of them would take longer to build than to write.
std::string experiment(const Document& document) {
  std::string text = "    {\n      \"answer\": " + text_of(document.answer.text) +
                     ",\n      \"environment\": " + text_of(document.environment) +
                     ",\n      \"footer\": " + text_of(document.footer) + ",\n      \"results\": [";
  for (std::size_t i = 0; i < document.records.size(); ++i) {
    const ResultRow& row = document.records[i];
    text += (i == 0 ? "\n        " : ",\n        ") +
            text_of(record(row, document.best_of(i), document.remarks.of(row)));
  }
  return text + "\n      ],\n      \"title\": " + text_of(document.title) +
         ",\n      \"warnings\": " + text_of(document.warnings) + "\n    }";
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string text = "{\n  \"experiments\": [";
  for (std::size_t i = 0; i < documents.size(); ++i) {
    text += (i == 0 ? "\n" : ",\n") + experiment(documents[i]);
  }
  return text + "\n  ],\n  \"schema_version\": " + std::to_string(kSchemaVersion) + "\n}\n";
}

}  // namespace

void register_json_format(FormatRegistry& registry) {
  registry.add({.name = "json",
                .summary = "every value, strict JSON with sorted keys",
                .extension = "json",
                .render = render});
}

}  // namespace assay
