// JSON forms of the values that travel in a reply.

#include <stdexcept>

#include "harness/protocol/fields.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

template <typename T>
void put_if(Json& document, const char* key, const std::optional<T>& value) {
  if (value) document[key] = *value;
}

void put_if(Json& document, const char* key, const std::string& value) {
  if (!value.empty()) document[key] = value;
}

std::string text_or_empty(const Fields& fields, const char* key) {
  return fields.has(key) ? fields.text(key) : std::string();
}

Basis basis_of(const Fields& fields) {
  try {
    return basis_from_name(text_or_empty(fields, "basis"));
  } catch (const std::invalid_argument&) {
    fields.fail("basis", "is not one of exact, measured, share, mean, exp_mean");
  }
}

/// Numbers by name.
std::map<std::string, double> numbers_of(const Fields& fields, const char* key) {
  std::map<std::string, double> values;
  if (!fields.has(key)) return values;
  for (const auto& [name, value] : fields.object(key).items()) {
    if (!value.is_number()) fields.fail(key, "holds something else than numbers");
    values[name] = value.get<double>();
  }
  return values;
}

}  // namespace

Json to_json(const MetricDef& def) {
  Json document = {{"tag", def.tag},
                   {"unit", def.unit},
                   {"direction", def.direction},
                   {"convention", def.convention},
                   {"help", def.help}};
  put_if(document, "basis", basis_name(def.basis));
  put_if(document, "item_value", def.item_value);
  return document;
}

MetricDef metric_def_from_json(const Json& document) {
  const Fields fields(document, "metric definition",
                      {"tag", "unit", "direction", "convention", "help", "basis", "item_value"});
  const std::int64_t direction = fields.integer("direction");
  if (direction < -1 || direction > 1) fields.fail("direction", "is not one of -1, 0, 1");
  return {.tag = fields.text("tag"),
          .unit = fields.text("unit"),
          .direction = static_cast<int>(direction),
          .convention = fields.text("convention"),
          .help = fields.text("help"),
          .basis = basis_of(fields),
          .item_value = text_or_empty(fields, "item_value")};
}

Json to_json(const MetricValue& value) {
  Json document = {{"tag", value.tag}, {"n", value.n}};
  put_if(document, "value", value.value);
  put_if(document, "std_error", value.std_error);
  put_if(document, "lo", value.lo);
  put_if(document, "hi", value.hi);
  put_if(document, "interval_method", value.interval_method);
  put_if(document, "null_reason", value.null_reason);
  put_if(document, "no_interval", value.no_interval);
  return document;
}

MetricValue metric_value_from_json(const Json& document) {
  const Fields fields(document, "metric",
                      {"tag", "n", "value", "std_error", "lo", "hi", "interval_method",
                       "null_reason", "no_interval"});
  MetricValue value;
  value.tag = fields.text("tag");
  value.n = fields.integer("n");
  value.value = fields.maybe_real("value");
  value.std_error = fields.maybe_real("std_error");
  value.lo = fields.maybe_real("lo");
  value.hi = fields.maybe_real("hi");
  value.interval_method = text_or_empty(fields, "interval_method");
  value.null_reason = text_or_empty(fields, "null_reason");
  value.no_interval = text_or_empty(fields, "no_interval");
  return value;
}

Json to_json(const Sample& sample) {
  Json document = {{"tag", sample.tag}, {"index", sample.index}, {"value", sample.value}};
  if (sample.warmup) document["warmup"] = true;
  return document;
}

Sample sample_from_json(const Json& document) {
  const Fields fields(document, "sample", {"tag", "index", "value", "warmup"});
  return {.tag = fields.text("tag"),
          .index = fields.integer("index"),
          .value = fields.real("value"),
          .warmup = fields.maybe_boolean("warmup").value_or(false)};
}

Json to_json(const ItemScore& item) {
  Json document = {{"item", item.item}, {"item_hash", item.item_hash}, {"tokens", item.tokens}};
  put_if(document, "correct", item.correct);
  put_if(document, "score", item.score);
  put_if(document, "nll", item.nll);
  put_if(document, "kld", item.kld);
  put_if(document, "output_hash", item.output_hash);
  if (!item.values.empty()) document["values"] = item.values;
  return document;
}

ItemScore item_score_from_json(const Json& document) {
  const Fields fields(
      document, "item",
      {"item", "item_hash", "tokens", "correct", "score", "nll", "kld", "output_hash", "values"});
  ItemScore item;
  item.item = fields.integer("item");
  item.item_hash = fields.text("item_hash");
  item.tokens = fields.integer("tokens");
  item.correct = fields.maybe_boolean("correct");
  item.score = fields.maybe_real("score");
  item.nll = fields.maybe_real("nll");
  item.kld = fields.maybe_real("kld");
  item.output_hash = text_or_empty(fields, "output_hash");
  item.values = numbers_of(fields, "values");
  return item;
}

}  // namespace assay
