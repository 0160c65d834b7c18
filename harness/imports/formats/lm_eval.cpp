// Results of lm-evaluation-harness since 0.4 (results_*.json), and what
// `assay report --format lm-eval` writes in its form: several documents there, one a line.
//
// A cell is one task. Groups are means of tasks that are cells themselves, so they make none.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/base/text.h"
#include "harness/imports/import_format.h"
#include "harness/imports/lm_eval_samples.h"
#include "harness/protocol/metric_range.h"

namespace assay {
namespace {

constexpr const char* kOwnSource = "assay";
constexpr double kNormal95 = 1.959963984540054;

/// What an entry of `results` has beside metrics.
bool is_name(const std::string& key) {
  static const std::set<std::string> kNames = {"name",       "alias",        "samples",
                                               "sample_len", "sample_count", " "};
  return kNames.contains(key);
}

/// The value behind nested keys; null where one is missing.
const Json& at(const Json& document, std::initializer_list<std::string> keys) {
  static const Json kNone;
  const Json* here = &document;
  for (const std::string& key : keys) {
    const auto found = here->is_object() ? here->find(key) : here->end();
    if (!here->is_object() || found == here->end()) return kNone;
    here = &*found;
  }
  return *here;
}

std::string text_at(const Json& document, std::initializer_list<std::string> keys) {
  const Json& value = at(document, keys);
  return value.is_string() ? value.get<std::string>() : "";
}

/// "acc_stderr,none" is of "acc,none".
struct MetricKey {
  std::string name, filter;
  bool of_error = false;
  /// The metric's tag here: its name, and the filter where there is one.
  [[nodiscard]] std::string tag() const { return filter == "none" ? name : name + "," + filter; }
};

std::optional<MetricKey> metric_key(const std::string& key) {
  static constexpr std::string_view kError = "_stderr";
  const std::size_t comma = key.find(',');
  if (comma == std::string::npos || comma == 0 || comma + 1 == key.size()) return std::nullopt;
  MetricKey found{key.substr(0, comma), key.substr(comma + 1)};
  if (found.name.ends_with(kError)) {
    found.of_error = true;
    found.name.resize(found.name.size() - kError.size());
  }
  return found;
}

/// What every task of a document has in common.
struct ModelNames {
  std::string model, method;
  Json params = Json::object();
  std::uint64_t seed = 0;
  bool random_weights = false, own = false;
};

/// "pretrained=NAME,dtype=float16", or an object of the same.
std::string model_in(const Json& arguments) {
  for (const std::string key : {"peft", "delta", "pretrained", "model", "path", "engine"}) {
    if (!text_at(arguments, {key}).empty()) return text_at(arguments, {key});
    const std::string text = arguments.is_string() ? "," + arguments.get<std::string>() : "";
    const std::size_t begin = text.find("," + key + "=");
    if (begin == std::string::npos) continue;
    const std::size_t from = begin + key.size() + 2;
    return text.substr(from, text.find(',', from) - from);
  }
  return "";
}

ModelNames names_of(const Json& document) {
  ModelNames names;
  const Json& arguments = at(document, {"config", "model_args"});
  names.model = text_at(document, {"model_name"});
  if (names.model.empty()) names.model = model_in(arguments);
  const std::string source = text_at(document, {"model_source"});
  names.method = source.empty() ? text_at(document, {"config", "model"}) : source;
  if (names.model.empty()) names.model = names.method;
  names.seed = static_cast<std::uint64_t>(
      whole_number(at(document, {"config", "random_seed"}), 0, kMostWhole).value_or(0));
  names.own = source == kOwnSource && at(document, {"config", "params"}).is_object();
  if (names.own) {
    names.method = text_at(document, {"config", "method"});
    names.params = at(document, {"config", "params"});
    names.random_weights = at(document, {"config", "random_weights"}) == Json(true);
  } else if (!arguments.is_null() && !arguments.empty() && arguments != Json("")) {
    names.params["model_args"] = arguments;
  }
  return names;
}

class DocumentReader {
 public:
  DocumentReader(const Json& document, std::size_t line, bool alone, ImportContent& content,
                 ImportProblems& problems)
      : document_(document),
        prefix_(alone ? "" : fmt::format("line {}: ", line)),
        content_(content),
        problems_(problems) {}

  void read() {
    if (!at(document_, {"results"}).is_object()) {
      return refuse("", "has no object \"results\"");
    }
    names_ = names_of(document_);
    if (names_.model.empty() || names_.method.empty()) {
      return refuse("", "names no model: model_name, model_source or config.model is needed");
    }
    find_groups();
    for (const auto& [task, entry] : at(document_, {"results"}).items()) {
      if (groups_.contains(task)) continue;
      read_task(task, entry);
    }
    if (names_.own) read_failures();
    say_groups();
  }

 private:
  void refuse(const std::string& place, const std::string& what) {
    problems_.add(prefix_ + place, what);
  }

  void find_groups() {
    for (const auto& [name, entry] : at(document_, {"groups"}).items()) groups_.insert(name);
    for (const auto& [name, members] : at(document_, {"group_subtasks"}).items()) {
      if (members.is_array() && !members.empty()) groups_.insert(name);
    }
  }

  void say_groups() {
    std::string names;
    std::set<std::string> missing;
    for (const std::string& group : groups_) {
      if (!at(document_, {"results", group}).is_object()) continue;
      names += (names.empty() ? "" : ", ") + group;
      const Json& members = at(document_, {"group_subtasks", group});
      for (const Json& member : members) {
        const std::string task = member.is_string() ? member.get<std::string>() : "";
        if (at(document_, {"results", task}).is_null()) missing.insert(task);
      }
    }
    if (names.empty()) return;
    content_.left_out.push_back(
        fmt::format("{}means of groups, which are made of the tasks: {}", prefix_, names));
    if (missing.empty()) return;
    content_.left_out.push_back(
        fmt::format("{}tasks of these groups that the file has no result of: {}", prefix_,
                    join({missing.begin(), missing.end()}, ", ")));
  }

  void read_task(const std::string& task, const Json& entry) {
    const std::string place = "results." + task;
    if (!entry.is_object()) return refuse(place, "is no object");
    ImportedCell cell;
    const auto counts = counts_of(task, entry);
    for (const auto& [key, value] : entry.items()) {
      if (!is_name(key)) read_metric(cell.measured, task, key, value, counts.second);
    }
    if (cell.measured.values.empty()) {
      if (entry.contains(" ")) return;  // the headline of a tag
      return refuse(place, "has no metric");
    }
    add_errors(cell.measured, task, entry);
    cell.cell = cell_of(task, counts.first);
    add(std::move(cell), place);
  }

  void add(ImportedCell cell, const std::string& place) {
    const bool known = std::ranges::any_of(
        content_.cells, [&](const ImportedCell& other) { return other.cell.key == cell.cell.key; });
    if (known) {
      return refuse(place, "repeats a task of the same model and parameters; remove one");
    }
    content_.cells.push_back(std::move(cell));
  }

  /// Whether only a part of the data was scored, and how many items.
  std::pair<bool, std::int64_t> counts_of(const std::string& task, const Json& entry) {
    const Json& counts = at(document_, {"n-samples", task});
    if (counts.is_null()) {  // before 0.4.3
      const Json& limit = at(document_, {"config", "limit"});
      const auto items = whole_number(at(entry, {"samples"}), 0, kMostWhole);
      return {!limit.is_null(), items.value_or(0)};
    }
    const auto effective = whole_number(at(counts, {"effective"}), 0, kMostWhole);
    const Json& original = at(counts, {"original"});
    const auto all = whole_number(original, 0, kMostWhole);
    if (!effective || (!all && !original.is_null()) || (all && *all < *effective)) {
      refuse("n-samples." + task, "is " + counts.dump() +
                                      "; allowed: an object of whole numbers, original and "
                                      "effective, the second not above the first");
      return {false, 0};
    }
    return {!all || *effective < *all, *effective};
  }

  PlannedCell cell_of(const std::string& task, bool limited) const {
    ImportedNames names{.model = names_.model,
                        .method = names_.method,
                        .suite = task,
                        .params = names_.params,
                        .suite_params = suite_params_of(task),
                        .seed = names_.seed,
                        .random_weights = names_.random_weights,
                        .limited = limited};
    return imported_cell(names, content_.hash);
  }

  /// How the task was asked, as far as the file says.
  Json suite_params_of(const std::string& task) const {
    const Json& own = at(document_, {"configs", task, "metadata"});
    if (names_.own && own.is_object()) return own;
    Json params = Json::object();
    const auto keep = [&](const char* name, const Json& value) {
      if (!value.is_null()) params[name] = value;
    };
    keep("num_fewshot", at(document_, {"configs", task, "num_fewshot"}));
    keep("num_fewshot", at(document_, {"n-shot", task}));
    keep("version", at(document_, {"versions", task}));
    keep("limit", at(document_, {"config", "limit"}));
    keep("chat_template_sha", at(document_, {"chat_template_sha"}));
    keep("system_instruction_sha", at(document_, {"system_instruction_sha"}));
    return params;
  }

  void read_metric(ImportedAttempt& measured, const std::string& task, const std::string& key,
                   const Json& value, std::int64_t items) {
    const std::string place = fmt::format("results.{}.{}", task, key);
    const auto metric = metric_key(key);
    if (!metric) {
      return refuse(place,
                    "is no METRIC,FILTER; files of lm-evaluation-harness before 0.4 cannot be "
                    "imported");
    }
    if (metric->of_error) return;
    MetricDef definition;
    definition.tag = metric->tag();
    definition.convention = imported_convention(content_.source);
    definition.direction = direction_of(task, metric->name);
    MetricValue result;
    result.tag = definition.tag;
    result.n = items;
    if (value.is_number()) {
      result.value = value.get<double>();
    } else if (value.is_null() || value.is_string()) {
      result.null_reason = fmt::format("the file has {} for it", value.dump());
    } else {
      return refuse(place, fmt::format("is {}; allowed: a number, null or \"N/A\"", value.dump()));
    }
    const std::string wrong = impossible_value(result, definition);
    if (!wrong.empty()) refuse(place, wrong);
    measured.values.push_back(std::move(result));
    measured.definitions.push_back(std::move(definition));
  }

  int direction_of(const std::string& task, const std::string& metric) {
    const Json& better = at(document_, {"higher_is_better", task, metric});
    if (better.is_boolean()) return better.get<bool>() ? 1 : -1;
    if (!better.is_null()) {
      refuse(fmt::format("higher_is_better.{}.{}", task, metric),
             "is neither true, false nor null");
    }
    return 0;
  }

  /// Standard errors, which come under keys of their own, and intervals of them.
  void add_errors(ImportedAttempt& measured, const std::string& task, const Json& entry) {
    for (const auto& [key, value] : entry.items()) {
      const auto metric = metric_key(key);
      if (!metric || !metric->of_error) continue;
      const std::string place = fmt::format("results.{}.{}", task, key);
      const auto of = std::ranges::find(measured.values, metric->tag(), &MetricValue::tag);
      if (of == measured.values.end()) {
        refuse(place, "is the standard error of a metric that is not there");
      } else if (value.is_number() && value.get<double>() >= 0) {
        add_interval(*of, value.get<double>());
      } else if (!value.is_null() && value != Json("N/A")) {
        refuse(place,
               fmt::format("is {}; allowed: a number from 0, null or \"N/A\"", value.dump()));
      }
    }
    for (MetricValue& value : measured.values) {
      if (value.value && !value.lo && value.no_interval.empty()) {
        value.no_interval = "the file has no standard error of it";
      }
    }
  }

  /// Normal, from the standard error; one of 0 says only that all items agreed.
  static void add_interval(MetricValue& value, double error) {
    if (!value.value) return;
    value.std_error = error;
    if (error == 0) {
      value.no_interval = "the file's standard error is 0: all items agreed";
      return;
    }
    const MetricRange range = range_of(value.tag, "");
    value.lo = range.nearest(*value.value - kNormal95 * error);
    value.hi = range.nearest(*value.value + kNormal95 * error);
    value.interval_method = "normal_of_stored_error";
  }

  /// Of our own files: suites without a result.
  void read_failures() {
    for (const auto& [suite, value] : at(document_, {"not_measured"}).items()) {
      const std::string text = value.is_string() ? value.get<std::string>() : "";
      const std::size_t colon = text.find(": ");
      const std::string status = text.substr(0, colon);
      ImportedCell cell{.cell = cell_of(suite, false)};
      const auto outcome = std::ranges::find_if(kAllOutcomes, [&](Outcome one) {
        return outcome_name(one) == status && one != Outcome::kOk;
      });
      const std::string place = "not_measured." + suite;
      if (outcome == std::end(kAllOutcomes) || colon == std::string::npos) {
        refuse(place, "is no \"STATUS: reason\"");
        continue;
      }
      if (*outcome == Outcome::kQueued || *outcome == Outcome::kRunning) continue;
      cell.outcome = {*outcome, "imported", text.substr(colon + 2)};
      add(std::move(cell), place);
    }
  }

  const Json& document_;
  std::string prefix_;
  ImportContent& content_;
  ImportProblems& problems_;
  ModelNames names_;
  std::set<std::string> groups_;
};

bool is_result(const Json& document) {
  return at(document, {"results"}).is_object() &&
         (at(document, {"configs"}).is_object() || at(document, {"versions"}).is_object());
}

bool recognises(const ImportSource& source) {
  return source.is_json() && is_result(source.documents().front().value);
}

/// What tells two measurements of one file name apart, beside the file itself.
Json facts_of(const Json& document) {
  Json facts = Json::object();
  for (const char* key :
       {"date", "git_hash", "lm_eval_version", "transformers_version", "config"}) {
    if (!at(document, {key}).is_null()) facts[key] = at(document, {key});
  }
  return facts;
}

void read(const ImportSource& source, ImportContent& content, ImportProblems& problems) {
  const auto& documents = source.documents();
  const bool alone = documents.size() == 1;
  content.facts = facts_of(documents.front().value);
  for (const ImportDocument& document : documents) {
    DocumentReader(document.value, document.line, alone, content, problems).read();
  }
  if (content.cells.empty() && !problems.any()) problems.add("", "has no result of any task");
  if (source.beside() && alone && !problems.any()) add_lm_eval_samples(source, content, problems);
}

}  // namespace

ImportFormat import_format_lm_eval() {
  return {"lm-eval",
          "results_*.json of lm-evaluation-harness since 0.4, with the samples_*.jsonl "
          "beside it",
          recognises, read};
}

}  // namespace assay
