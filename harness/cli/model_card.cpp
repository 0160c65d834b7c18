#include "harness/cli/model_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "assay_build.h"
#include "harness/base/markup.h"
#include "harness/base/text.h"
#include "harness/protocol/export_events.h"
#include "harness/store/report_records.h"
#include "harness/store/store.h"
#include "reports/numbers.h"

namespace assay {
namespace {

constexpr const char* kNotRecorded = "not recorded in the artefact";

std::string row(const std::string& name, const std::string& value) {
  return fmt::format("| {} | {} |\n", name, markdown_escaped(value));
}

std::vector<std::string> texts_of(const std::vector<WorkerReply::Event>& events, const char* code) {
  std::vector<std::string> texts;
  for (const WorkerReply::Event& event : events) {
    if (event.code == code) texts.push_back(event.text);
  }
  return texts;
}

std::string text_of(const std::vector<WorkerReply::Event>& events, const char* code) {
  const std::vector<std::string> texts = texts_of(events, code);
  return texts.empty() ? "" : texts.front();
}

std::string list(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += fmt::format("* {}\n", markdown_escaped(text));
  return lines;
}

std::string given_text(const Json& params) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : params.items()) {
    parts.push_back(fmt::format("{} = {}", name, value.dump()));
  }
  return parts.empty() ? "none" : join(parts, ", ");
}

std::string calibration_text(const std::optional<CalibrationChoice>& given) {
  if (!given) return "none";
  const CalibrationChoice& choice = *given;
  return fmt::format("{} ({}), {} samples of {}{}", choice.dataset, choice.split, choice.samples,
                     choice.on_items() ? "at most " : "",
                     choice.tokens > 0 ? fmt::format("{} tokens", choice.tokens)
                                       : "2048 tokens, or as many as the model has positions");
}

std::string training_text(const TrainingChoice& choice) {
  if (choice.on_text()) {
    return fmt::format(
        "{} ({}), {} of {}", choice.dataset, choice.split,
        choice.samples > 0 ? fmt::format("the first {} windows", choice.samples) : "all windows",
        choice.tokens > 0 ? fmt::format("{} tokens", choice.tokens)
                          : "256 tokens, or as many as the model has positions");
  }
  return fmt::format("{} ({}), {} of at most {} tokens", choice.dataset, choice.split,
                     choice.items > 0 ? fmt::format("{} items drawn with seed {}", choice.items,
                                                    choice.subset_seed)
                                      : "all items",
                     choice.max_tokens);
}

/// One of the methods; in a chain its rows carry its number.
std::string link_rows(const CardFacts& facts, std::size_t index) {
  const MethodChoice& link = facts.method.link(index);
  const std::string number = facts.method.then.empty() ? "" : fmt::format(" of step {}", index + 1);
  std::string rows = row("Method" + number, link.id);
  rows += row("Parameters" + number, given_text(link.params));
  rows += row("Calibration data" + number,
              facts.own_artefact ? kNotRecorded : calibration_text(link.calibration));
  if (link.training) rows += row("Training data" + number, training_text(*link.training));
  return rows + row("SHA-256 of the artefact" + number, index < facts.artefact_hashes.size()
                                                            ? facts.artefact_hashes[index]
                                                            : "none: nothing is fitted");
}

std::string origin(const CardFacts& facts, const std::vector<WorkerReply::Event>& events) {
  const std::string bytes = text_of(events, kExportBytes);
  std::string table = "| | |\n| --- | --- |\n";
  table += row("Original", facts.model);
  table += row("Content hash of the original", facts.model_hash);
  for (std::size_t i = 0; i <= facts.method.then.size(); ++i) table += link_rows(facts, i);
  table += row("Seed", facts.seed ? std::to_string(*facts.seed) : kNotRecorded);
  table += row("Weights", fmt::format("{}, {}", text_of(events, kExportDtype),
                                      human_bytes(std::strtoll(bytes.c_str(), nullptr, 10))));
  return table + row("Written by", fmt::format("assay {}", kAssayVersion));
}

std::string differences(const std::vector<WorkerReply::Event>& events) {
  const std::vector<std::string> config = texts_of(events, kExportConfig);
  const std::vector<std::string> remarks = texts_of(events, kExportRemark);
  std::string text = "## What differs from the original\n\n";
  if (config.empty() && remarks.empty()) {
    return text + "Values of weights. Names, shapes and configuration are the original's.\n";
  }
  text += "Besides values of weights:\n\n" + list(remarks);
  for (const std::string& change : config) {
    text += fmt::format("* `config.json`: {}\n", markdown_escaped(change));
  }
  return text;
}

std::string measured(const CardFacts& facts, const std::vector<CardValue>& values) {
  const std::string head = "## Measured\n\n";
  if (facts.database.empty()) return head + "No results database was given to the export.\n";
  if (values.empty()) {
    return head + "None found in the results database for this model, method and parameters.\n";
  }
  std::string text = head +
                     "By `assay`, of the model with the artefact applied; intervals are of 95 %. "
                     "\\*: on a part of the suite's data.\n\n"
                     "| suite | metric | value | interval | dense | profile | seed |\n"
                     "| --- | --- | ---: | --- | ---: | --- | ---: |\n";
  for (const CardValue& value : values) {
    text += fmt::format("| {}{} | {} | {} | {} | {} | {} | {} |\n", markdown_escaped(value.suite),
                        value.limited ? "\\*" : "", markdown_escaped(value.metric), value.value,
                        value.interval, value.dense, markdown_escaped(value.profile), value.seed);
  }
  return text;
}

/// Names under which the experiment has the model.
std::set<std::string> names_of_model(const Store& store, const std::string& experiment,
                                     const std::string& hash) {
  std::set<std::string> names;
  for (const Origin& origin : store.origins(experiment)) {
    if (origin.kind == "model" && origin.hash == hash) names.insert(origin.name);
  }
  return names;
}

/// What of a row's parameters can be compared with what is known here.
Json known_params(const std::string& text, const CardFacts& facts) {
  Json params = try_parse_json(text);
  if (!facts.own_artefact || !params.is_object()) return params;
  for (const char* key : {"calibration", "training"}) params.erase(key);
  return params;
}

bool belongs(const ResultRow& row, const CardFacts& facts, const Json& params) {
  return row.status == "OK" && row.value && row.direction != 0 && !row.random_weights &&
         row.method == facts.method.id && (!facts.seed || row.seed == std::int64_t(*facts.seed)) &&
         known_params(row.params, facts) == params;
}

CardValue card_value(const ResultRow& row) {
  const std::string unit = row.unit.empty() ? "" : " " + row.unit;
  return {.suite = row.suite,
          .metric = row.metric,
          .value = number_text(*row.value) + unit,
          .interval = interval_text(*row.value, row.lo, row.hi),
          .dense = row.twin_value ? number_text(*row.twin_value) + unit : "",
          .profile = row.profile,
          .seed = row.seed,
          .limited = row.limited};
}

}  // namespace

std::vector<CardValue> measured_values(const CardFacts& facts) {
  if (facts.database.empty()) return {};
  const Store store = Store::open_read_only(facts.database);
  const Json params = facts.method.all_params();
  std::vector<CardValue> values;
  std::set<std::pair<std::string, std::string>> seen;
  for (const std::string& experiment : store.experiments()) {
    const std::set<std::string> names = names_of_model(store, experiment, facts.model_hash);
    for (const ResultRow& row : store.results(experiment)) {
      if (!names.contains(row.model) || !belongs(row, facts, params)) continue;
      if (seen.insert({row.cell_key, row.metric}).second) values.push_back(card_value(row));
    }
  }
  return values;
}

std::string model_card(const CardFacts& facts, const std::vector<CardValue>& values,
                       const std::vector<WorkerReply::Event>& events) {
  return fmt::format(
      "---\nlibrary_name: transformers\ntags:\n- assay\n- compressed\n---\n\n"
      "# {}, {}\n\nA compressed model that loads like its original. See the original for its "
      "licence, its uses and its limits.\n\n{}\n{}\n{}",
      markdown_escaped(facts.model), markdown_escaped(facts.method.chain_name()),
      origin(facts, events), differences(events), measured(facts, values));
}

}  // namespace assay
