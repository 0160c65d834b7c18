#include "harness/imports/import_content.h"

#include <fmt/format.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/protocol/metric_range.h"
#include "harness/store/report_records.h"

namespace assay {

void ImportProblems::add_text(const std::string& text) {
  if (++count_ < kMost) {
    text_ += (text_.empty() ? "" : "\n") + file_ + text;
  } else if (count_ == kMost) {
    text_ += "\nand more; these first";
  }
}

void ImportProblems::add(std::size_t line, const std::string& what) {
  add_text(fmt::format(":{}: {}", line, what));
}

void ImportProblems::add(const std::string& place, const std::string& what) {
  add_text(place.empty() ? ": " + what : fmt::format(": {}: {}", place, what));
}

void ImportProblems::refuse() const {
  if (any()) throw UserError(text_);
}

PlannedCell imported_cell(const ImportedNames& names, const std::string& hash) {
  PlannedCell cell;
  cell.model_name = names.model;
  cell.model_hash = "imported:" + hash;
  cell.method = names.method;
  cell.params_json = canonical_json(names.params);
  cell.suite = names.suite;
  cell.suite_params_json = canonical_json(names.suite_params);
  cell.profile = kImportedProfile;
  cell.seed = names.seed;
  cell.random_weights = names.random_weights;
  cell.limited = names.limited;
  cell.key_doc = {{"imported",
                   {{"file", hash},
                    {"model", names.model},
                    {"method", names.method},
                    {"params", names.params},
                    {"suite", names.suite},
                    {"suite_params", names.suite_params},
                    {"seed", names.seed}}}};
  cell.key = json_hash(cell.key_doc);
  return cell;
}

std::string imported_convention(const std::string& source, const std::string& own) {
  return "imported from " + source + (own.empty() ? "" : ": " + own);
}

std::string impossible_value(const MetricValue& value, const MetricDef& definition) {
  if (!value.value) {
    return value.lo || value.hi ? "an interval without a value; leave lo and hi empty" : "";
  }
  const MetricRange range = definition.unit == "%" ? MetricRange{.least = 0, .most = 100}
                                                   : range_of(definition.tag, definition.unit);
  if (!range.holds(*value.value)) {
    return fmt::format("value is {}; allowed: {} to {}", *value.value, range.least, range.most);
  }
  if (value.lo.has_value() != value.hi.has_value()) {
    return "an interval needs both lo and hi; give both, or leave both empty";
  }
  if (value.lo && (*value.lo > *value.value || *value.value > *value.hi)) {
    return fmt::format("the interval {} to {} does not hold the value {}", *value.lo, *value.hi,
                       *value.value);
  }
  return "";
}

std::optional<std::int64_t> whole_number(const Json& value, std::int64_t least, std::int64_t most) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  const bool whole = number == std::floor(number) && number >= static_cast<double>(least) &&
                     number <= static_cast<double>(most);
  return whole ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

}  // namespace assay
