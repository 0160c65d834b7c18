// Google Benchmark's JSON (--benchmark_out=FILE --benchmark_out_format=json), and what
// `assay report --format benchmark` writes in its form.
//
// A cell is one benchmark of one program: its name is the suite, because it is the question. Its
// repetitions are raw samples of one process, so they give no interval: values within a process are
// not independent. In our own files each repetition is a process.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "harness/base/text.h"
#include "harness/imports/import_format.h"
#include "harness/stats/intervals.h"
#include "harness/stats/process_interval.h"

namespace assay {
namespace {

constexpr const char* kOwnProgram = "assay";
constexpr std::int64_t kMostRepetitions = 1'000'000;

/// What an entry has that is no counter of the benchmark's author.
const std::set<std::string>& own_keys() {
  static const std::set<std::string> kKeys = {
      "name",      "family_index",     "per_family_instance_index",
      "run_name",  "run_type",         "repetitions",
      "threads",   "repetition_index", "iterations",
      "real_time", "cpu_time",         "time_unit",
      "label",     "error_occurred",   "error_message",
      "skipped",   "skip_message",     "aggregate_name",
      "big_o",     "aggregate_unit",   "cpu_coefficient",
      "rms",       "real_coefficient"};
  return kKeys;
}

struct Counter {
  const char *name, *unit;
  int direction;
};
/// Counters that the library itself makes; of others nobody has said what is better.
constexpr std::array kCounters = {
    Counter{"items_per_second", "items/s", 1}, Counter{"bytes_per_second", "B/s", 1},
    Counter{"allocs_per_iter", "", -1},        Counter{"max_bytes_used", "B", -1},
    Counter{"total_allocated_bytes", "B", -1}, Counter{"net_heap_growth", "B", -1}};

/// Seconds in a unit of time; nothing for one that is not known.
std::optional<double> seconds_in(const Json& unit) {
  static const std::map<std::string, double> kUnits = {
      {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  const auto found = unit.is_string() ? kUnits.find(unit.get<std::string>()) : kUnits.end();
  return found == kUnits.end() ? std::nullopt : std::optional(found->second);
}

/// "x_mean", which before run_type was written looks like a benchmark of that name.
bool named_like_aggregate(const std::string& name) {
  return std::ranges::any_of(
      std::array{"_mean", "_median", "_stddev", "_cv", "_min", "_max", "_BigO", "_RMS"},
      [&](const char* end) { return name.ends_with(end); });
}

std::string text_in(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag_in(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_boolean() && found->get<bool>();
}

/// Entries of one benchmark.
struct Benchmark {
  std::string name, label, failure;
  std::int64_t threads = 0, asked = 0, failed = 0, skipped = 0;
  std::map<std::int64_t, std::map<std::string, double>> repetitions;
};

class BenchmarkReader {
 public:
  BenchmarkReader(const Json& document, ImportContent& content, ImportProblems& problems)
      : document_(document), content_(content), problems_(problems) {}

  void read() {
    read_context();
    const Json& entries = document_.at("benchmarks");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      place_ = fmt::format("benchmarks[{}]", i);
      if (entries[i].is_object()) {
        read_entry(entries[i]);
      } else {
        refuse("is no object");
      }
    }
    place_.clear();
    for (const Benchmark& benchmark : benchmarks_) add_cell(benchmark);
    if (benchmarks_.empty() && !problems_.any()) refuse("holds no benchmark that was run");
    say_aggregates();
  }

 private:
  void refuse(const std::string& what) { problems_.add(place_, what); }
  [[nodiscard]] bool own() const { return program_ == kOwnProgram; }

  void read_context() {
    const Json& context = document_.at("context");
    content_.facts = context;
    const std::string path = text_in(context, "executable");
    program_ = std::filesystem::path(path).filename().string();
    if (program_.empty()) program_ = "a program without a name";
    debug_ = text_in(context, "library_build_type") == "debug";
    scaled_ = flag_in(context, "cpu_scaling_enabled");
  }

  void read_entry(const Json& entry) {
    const std::string name = text_in(entry, "name");
    if (name.empty()) return refuse("has no name");
    place_ += " (" + quoted_name(name) + ")";
    const std::string type = text_in(entry, "run_type");
    if (type == "aggregate") return read_aggregate(entry);
    if (type.empty() && named_like_aggregate(name)) {
      return refuse(
          "has no run_type, and may be an aggregate: written by a version before 1.5; "
          "run the benchmark with a later one");
    }
    if (!type.empty() && type != "iteration") {
      return refuse(
          fmt::format("run_type is {}; allowed: iteration, aggregate", quoted_name(type)));
    }
    read_repetition(entry, benchmark_of(entry, name));
  }

  /// Computed from repetitions by the program that measured; of no use without them.
  void read_aggregate(const Json& entry) {
    const std::string run = text_in(entry, "run_name");
    if (run.empty()) return refuse("is an aggregate without run_name");
    if (entry.contains("big_o") || entry.contains("rms")) {
      ++fits_;
    } else {
      aggregates_[run] += 1;
    }
  }

  Benchmark& benchmark_of(const Json& entry, const std::string& name) {
    const std::string run = text_in(entry, "run_name").empty() ? name : text_in(entry, "run_name");
    const auto [place, added] = places_.emplace(run, benchmarks_.size());
    if (added) {
      benchmarks_.emplace_back();
      benchmarks_.back().name = run;
      benchmarks_.back().label = text_in(entry, "label");
    }
    return benchmarks_[place->second];
  }

  void read_repetition(const Json& entry, Benchmark& benchmark) {
    const std::int64_t index = whole(entry, "repetition_index", next_index(benchmark));
    benchmark.threads = whole(entry, "threads", 0);
    benchmark.asked = std::max(benchmark.asked, whole(entry, "repetitions", 0));
    const auto [repetition, added] = benchmark.repetitions.try_emplace(index);
    if (!added) {
      return refuse(fmt::format("repeats repetition {} of the same benchmark; remove one", index));
    }
    if (flag_in(entry, "error_occurred")) return fail(benchmark, benchmark.failed, entry);
    if (flag_in(entry, "skipped")) return fail(benchmark, benchmark.skipped, entry);
    repetition->second = values_of(entry);
  }

  static std::int64_t next_index(const Benchmark& benchmark) {
    return benchmark.repetitions.empty() ? 0 : benchmark.repetitions.rbegin()->first + 1;
  }

  static void fail(Benchmark& benchmark, std::int64_t& count, const Json& entry) {
    ++count;
    if (!benchmark.failure.empty()) return;
    const std::string error = text_in(entry, "error_message");
    benchmark.failure = error.empty() ? text_in(entry, "skip_message") : error;
  }

  /// Of a key that may be missing.
  std::int64_t whole(const Json& entry, const char* key, std::int64_t otherwise) {
    if (!entry.contains(key)) return otherwise;
    const auto number = whole_number(entry.at(key), 0, kMostRepetitions);
    if (number) return *number;
    refuse(fmt::format("{} = {}; allowed: whole numbers from 0 to {}", key, entry.at(key).dump(),
                       kMostRepetitions));
    return otherwise;
  }

  /// In seconds and the counters' own units.
  std::map<std::string, double> values_of(const Json& entry) {
    std::map<std::string, double> values;
    const Json unit = entry.value("time_unit", Json());
    const auto seconds = seconds_in(unit);
    if (!seconds) {
      refuse(fmt::format("time_unit is {}; allowed: \"ns\", \"us\", \"ms\", \"s\"", unit.dump()));
    }
    for (const char* key : {"real_time", "cpu_time"}) {
      // Ours repeats the wall time there.
      if (own() && key == std::string_view("cpu_time")) continue;
      const Json time = entry.value(key, Json());
      if (!time.is_number()) {
        refuse(fmt::format("{} = {} is no number", key, time.dump()));
      } else {
        values[key] = time.get<double>() * seconds.value_or(1);
      }
    }
    for (const auto& [key, value] : entry.items()) {
      if (own_keys().contains(key)) continue;
      if (!value.is_number()) {
        refuse(fmt::format("{} is no number, and no key that is known", quoted_name(key)));
        continue;
      }
      values[key] = value.get<double>();
    }
    return values;
  }

  void add_cell(const Benchmark& benchmark) {
    place_ = quoted_name(benchmark.name);
    const auto found = static_cast<std::int64_t>(benchmark.repetitions.size());
    if (benchmark.asked > 0 && found != benchmark.asked) {
      return refuse(fmt::format("{} of {} repetitions are in the file; import the whole of it",
                                found, benchmark.asked));
    }
    ImportedNames names{.model = program_, .method = "google-benchmark", .suite = benchmark.name};
    if (benchmark.threads > 0) names.suite_params["threads"] = benchmark.threads;
    if (!own() && !benchmark.label.empty()) names.suite_params["label"] = benchmark.label;
    ImportedCell cell{.cell = imported_cell(names, content_.hash)};
    cell.outcome = outcome_of(benchmark, found);
    if (cell.outcome.outcome == Outcome::kOk) measure(cell.measured, benchmark);
    content_.cells.push_back(std::move(cell));
  }

  /// What failed in part is no result: the rest would hide it.
  static OutcomeReason outcome_of(const Benchmark& benchmark, std::int64_t repetitions) {
    if (benchmark.failed + benchmark.skipped == 0) return {Outcome::kOk, "", ""};
    const bool error = benchmark.failed > 0;
    const std::int64_t count = error ? benchmark.failed : benchmark.skipped;
    return {error ? Outcome::kCrashed : Outcome::kUnmet, "imported",
            fmt::format("{} of {} repetitions {}: {}", count, repetitions,
                        error ? "failed" : "were skipped",
                        benchmark.failure.empty() ? "without a message" : benchmark.failure)};
  }

  void measure(ImportedAttempt& measured, const Benchmark& benchmark) {
    std::map<std::string, std::vector<double>> series;
    const bool separate = own();
    measured.processes.resize(separate ? benchmark.repetitions.size() : 1);
    std::size_t process = 0;
    for (const auto& [index, values] : benchmark.repetitions) {
      for (const auto& [tag, value] : values) {
        series[tag].push_back(value);
        measured.processes[process].push_back({tag, separate ? 0 : index, value, false});
      }
      if (separate) ++process;
    }
    for (const auto& [tag, values] : series) add_value(measured, tag, values, separate);
    add_remarks(measured, benchmark);
  }

  void add_value(ImportedAttempt& measured, const std::string& tag,
                 const std::vector<double>& values, bool separate) {
    MetricDef definition = definition_of(tag);
    MetricValue value;
    value.tag = tag;
    value.value = median(values);
    value.n = static_cast<std::int64_t>(values.size());
    if (separate) {
      add_interval(value, values);
    } else {
      value.no_interval = "repetitions of one process, which are not independent";
    }
    const std::string wrong = impossible_value(value, definition);
    if (!wrong.empty()) refuse(fmt::format("{}: {}", tag, wrong));
    measured.values.push_back(std::move(value));
    measured.definitions.push_back(std::move(definition));
  }

  static void add_interval(MetricValue& value, const std::vector<double>& processes) {
    if (const auto interval = process_interval(processes)) {
      value.lo = interval->lo;
      value.hi = interval->hi;
      value.interval_method = "student_t_logs";
    } else {
      value.no_interval = why_no_process_interval(processes);
    }
  }

  [[nodiscard]] MetricDef definition_of(const std::string& tag) const {
    MetricDef definition;
    definition.tag = tag;
    definition.convention = imported_convention(content_.source);
    if (tag == "real_time" || tag == "cpu_time") {
      definition.unit = "s";
      definition.direction = -1;
      definition.help = "of one iteration, median over the repetitions";
      return definition;
    }
    for (const Counter& counter : kCounters) {
      if (tag != counter.name) continue;
      definition.unit = counter.unit;
      definition.direction = counter.direction;
    }
    return definition;
  }

  void add_remarks(ImportedAttempt& measured, const Benchmark& benchmark) const {
    if (own() && !benchmark.label.empty()) {
      measured.events.push_back({"warning", "remarks", benchmark.label});
    }
    if (debug_) {
      measured.events.push_back({"warning", "machine_debug_build",
                                 "the file says that its benchmark library was a debug build"});
    }
    if (scaled_) {
      measured.events.push_back({"warning", "machine_cpu_scaling",
                                 "the file says that the clock of the processor was not fixed"});
    }
  }

  void say_aggregates() {
    std::int64_t with = 0;
    for (const auto& [run, count] : aggregates_) {
      if (places_.contains(run)) {
        with += count;
      } else {
        refuse(
            fmt::format("{} has aggregates and no repetitions; run the benchmark without "
                        "--benchmark_report_aggregates_only",
                        quoted_name(run)));
      }
    }
    if (with > 0) {
      content_.left_out.push_back(
          fmt::format("{} aggregates, which were computed from the repetitions", with));
    }
    if (fits_ > 0) {
      content_.left_out.push_back(
          fmt::format("{} fits of complexity (BigO, RMS), which are no measurements", fits_));
    }
  }

  const Json& document_;
  ImportContent& content_;
  ImportProblems& problems_;
  std::string place_, program_;
  bool debug_ = false, scaled_ = false;
  std::vector<Benchmark> benchmarks_;
  std::map<std::string, std::size_t> places_;
  std::map<std::string, std::int64_t> aggregates_;
  std::int64_t fits_ = 0;
};

bool recognises(const ImportSource& source) {
  if (!source.is_json()) return false;
  const Json& document = source.documents().front().value;
  return document.is_object() && document.contains("benchmarks") &&
         document.at("benchmarks").is_array() && document.contains("context") &&
         document.at("context").is_object();
}

void read(const ImportSource& source, ImportContent& content, ImportProblems& problems) {
  if (!recognises(source)) {
    return problems.add("",
                        "is no output of Google Benchmark, an object with \"context\" and an "
                        "array \"benchmarks\"");
  }
  if (source.documents().size() > 1) {
    return problems.add(source.documents()[1].line, "a second document; give one file a run");
  }
  BenchmarkReader(source.documents().front().value, content, problems).read();
}

}  // namespace

ImportFormat import_format_google_benchmark() {
  return {"google-benchmark", "JSON of Google Benchmark", recognises, read};
}

}  // namespace assay
