#include "reports/fields.h"

#include <algorithm>
#include <functional>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/layout_fields.h"
#include "harness/base/text.h"

namespace assay {
namespace {

using Getter = std::function<std::string(const ResultRow&)>;

const std::map<std::string, Getter>& plain_fields() {
  static const std::map<std::string, Getter> kGetters = {
      {"experiment", [](const ResultRow& row) { return row.experiment; }},
      {"model", [](const ResultRow& row) { return row.model; }},
      {"method", [](const ResultRow& row) { return row.method; }},
      {"suite", [](const ResultRow& row) { return row.suite; }},
      {"metric", [](const ResultRow& row) { return row.metric; }},
      {"profile", [](const ResultRow& row) { return row.profile; }},
      {"seed", [](const ResultRow& row) { return std::to_string(row.seed); }},
      {"status", [](const ResultRow& row) { return row.status; }}};
  return kGetters;
}

}  // namespace

Fields::Fields(const std::vector<ResultRow>& rows) : labels_(rows) {
  std::set<std::string> known;
  for (const ResultRow& row : rows) {
    for (const auto& [text, prefix] :
         {std::pair{&row.params, "params."}, std::pair{&row.suite_params, "suite."}}) {
      const auto [place, added] = parsed_.emplace(*text, Parameters{});
      if (added) place->second = flat_parameters(*text);
      for (const auto& [name, value] : place->second) known.insert(prefix + name);
    }
  }
  for (const auto& [name, getter] : plain_fields()) names_.push_back(name);
  names_.emplace_back("setting");
  names_.insert(names_.end(), known.begin(), known.end());
}

void Fields::require(const std::string& field) const {
  if (std::find(names_.begin(), names_.end(), field) != names_.end()) return;
  throw UserError(unknown_name_message("field", field, names_));
}

std::string Fields::text(const ResultRow& row, const std::string& field) const {
  const auto plain = plain_fields().find(field);
  if (plain != plain_fields().end()) return plain->second(row);
  if (field == "setting") return labels_.method(row);
  const bool of_suite = field.starts_with("suite.");
  const auto& parameters = parsed_.at(of_suite ? row.suite_params : row.params);
  const auto found = parameters.find(field.substr(field.find('.') + 1));
  return found == parameters.end() ? "" : found->second;
}

}  // namespace assay
