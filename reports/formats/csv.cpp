// RFC 4180: every record behind the tables, one line a cell and metric.

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "harness/base/json_text.h"
#include "reports/format.h"

namespace assay {
namespace {

constexpr const char* kHeader =
    "experiment,model,method,params,suite,suite_params,metric,unit,convention,direction,profile,"
    "seed,status,reason,value,lo,hi,n,twin_value,ratio,random_weights,limited,cell_key,"
    "best,remarks,machine,origin\r\n";

/// A file reads back exactly; what is printed on a terminal goes through its exit (output.h).
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"') result += '"';
    result += letter;
  }
  return result + '"';
}

/// Shortest text that reads back as the same number.
std::string number(std::optional<double> value) {
  return value && std::isfinite(*value) ? fmt::format("{}", *value) : "";
}

std::string remarks_json(const std::vector<RowRemark>& remarks) {
  if (remarks.empty()) return "";
  Json list = Json::array();
  for (const RowRemark& remark : remarks) {
    list.push_back({{"code", remark.code}, {"text", remark.text}});
  }
  return json_text(list);
}

std::string word(std::optional<bool> value) {
  if (!value) return "";
  return *value ? "true" : "false";
}

std::string line(const ResultRow& row, std::optional<bool> best,
                 const std::vector<RowRemark>& remarks) {
  const std::array<std::string, 27> fields = {quoted(row.experiment),
                                              quoted(row.model),
                                              quoted(row.method),
                                              quoted(row.params),
                                              quoted(row.suite),
                                              quoted(row.suite_params),
                                              quoted(row.metric),
                                              quoted(row.unit),
                                              quoted(row.convention),
                                              std::to_string(row.direction),
                                              quoted(row.profile),
                                              std::to_string(row.seed),
                                              quoted(row.status),
                                              quoted(row.reason),
                                              number(row.value),
                                              number(row.lo),
                                              number(row.hi),
                                              std::to_string(row.n),
                                              number(row.twin_value),
                                              number(row.ratio),
                                              row.random_weights ? "true" : "false",
                                              row.limited ? "true" : "false",
                                              quoted(row.cell_key),
                                              word(best),
                                              quoted(remarks_json(remarks)),
                                              quoted(row.machine),
                                              quoted(row.origin)};
  return fmt::format("{}\r\n", fmt::join(fields, ","));
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string text = kHeader;
  for (const Document& document : documents) {
    for (std::size_t i = 0; i < document.records.size(); ++i) {
      const ResultRow& row = document.records[i];
      text += line(row, document.best_of(i), document.remarks.of(row));
    }
  }
  return text;
}

}  // namespace

void register_csv_format(FormatRegistry& registry) {
  registry.add({.name = "csv",
                .summary = "every value, one line each, RFC 4180",
                .extension = "csv",
                .render = render});
}

}  // namespace assay
