#include "harness/store/columns.h"

#include <fmt/format.h>

namespace assay {

std::string column_list(std::span<const std::string_view> columns, std::string_view prefix) {
  std::string list;
  for (const std::string_view column : columns) {
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", prefix, column);
  }
  return list;
}

std::string insert_statement(const OwnedTable& table) {
  std::string places = table.by_metric ? "?, ?" : "?";
  for (std::size_t i = 0; i < table.columns.size(); ++i) places += ", ?";
  return fmt::format("INSERT INTO {}({}{}, {}) VALUES ({})", table.name, table.parent,
                     table.by_metric ? ", metric_id" : "", column_list(table.columns), places);
}

std::string select_statement(const OwnedTable& table) {
  return fmt::format("SELECT {}, {} FROM {} WHERE {} = ? ORDER BY {}{}",
                     table.by_metric ? "metric_id" : "NULL", column_list(table.columns), table.name,
                     table.parent, table.by_metric ? "metric_id, " : "", table.order);
}

}  // namespace assay
