#include "harness/imports/lm_eval_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/base/input_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = std::size_t{1} << 26;
constexpr double kSameMean = 1e-9;

/// Metrics whose aggregation is the mean, by which a file shows that it is of this run.
constexpr std::array kMeans = {"acc", "acc_norm"};

/// Line after line of a file that may be larger than memory. Throws as read_pieces(), and UserError
/// for a line that is too long.
template <typename Take>
void for_each_line(const fs::path& file, Sha256& hash, const Take& take) {
  std::string line;
  std::size_t number = 0;
  const auto finish = [&] {
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string::npos) take(line, number);
    line.clear();
  };
  read_pieces(file, [&](std::string_view piece) {
    hash.update(piece);
    for (std::size_t end = piece.find('\n'); end != std::string_view::npos;
         end = piece.find('\n')) {
      line += piece.substr(0, end);
      finish();
      piece.remove_prefix(end + 1);
    }
    line += piece;
    if (line.size() <= kLongestLine) return;
    throw UserError(fmt::format("{}:{}: a line of more than {} bytes", file.string(), number + 1,
                                kLongestLine));
  });
  if (!line.empty()) finish();
}

class SampleReader {
 public:
  SampleReader(const fs::path& file, const std::string& task)
      : problems_(file.string()), task_(task) {
    for_each_line(file, hash_,
                  [&](const std::string& line, std::size_t number) { take(line, number); });
  }

  /// Puts them into the cell, if they fit it.
  void give(ImportedCell& cell) {
    check(cell);
    problems_.refuse();
    for (auto& [number, item] : items_) cell.measured.items.push_back(std::move(item));
  }
  std::string hash() { return hash_.hex(); }
  [[nodiscard]] const std::set<std::string>& without_numbers() const { return without_numbers_; }

 private:
  void take(const std::string& line, std::size_t number) {
    try {
      const Json sample = parse_json(line);
      if (!sample.is_object()) return problems_.add(number, "is no object");
      take_sample(sample, number);
    } catch (const JsonError& error) {
      problems_.add(number, error.what());
    }
  }

  void take_sample(const Json& sample, std::size_t number) {
    const auto id = whole_number(sample.value("doc_id", Json()), 0, kMostWhole);
    const Json metrics = sample.value("metrics", Json());
    if (!id || !metrics.is_array()) {
      return problems_.add(number, "has no doc_id or no list of metrics");
    }
    const Json named = sample.value("filter", Json("none"));
    const std::string filter = named.is_string() ? named.get<std::string>() : "none";
    if (!seen_.emplace(*id, filter).second) {
      return problems_.add(number,
                           fmt::format("repeats item {} of filter {}; remove one", *id, filter));
    }
    ItemScore& item = items_[*id];
    item.item = *id;
    const Json hash = sample.value("doc_hash", Json());
    if (hash.is_string()) item.item_hash = hash.get<std::string>();
    for (const Json& metric : metrics) {
      if (metric.is_string()) take_value(item, metric.get<std::string>(), filter, sample);
    }
  }

  void take_value(ItemScore& item, const std::string& metric, const std::string& filter,
                  const Json& sample) {
    const Json value = sample.value(metric, Json());
    const std::string tag = filter == "none" ? metric : metric + "," + filter;
    if (!value.is_number() && !value.is_boolean()) {
      without_numbers_.insert(tag);
      return;
    }
    const double number = value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>();
    item.values[tag] = number;
    if (tag == "acc" && (number == 0 || number == 1)) item.correct = number == 1;
  }

  void check(const ImportedCell& cell) {
    for (const MetricValue& value : cell.measured.values) {
      const auto count = static_cast<std::int64_t>(items_.size());
      if (value.n > 0 && value.n != count) {
        return problems_.add("", fmt::format("holds {} items, the results say {} of task {}; the "
                                             "two files are not of one run, or one was cut off",
                                             count, value.n, task_));
      }
      if (std::ranges::find(kMeans, value.tag) != kMeans.end()) check_mean(value);
    }
  }

  void check_mean(const MetricValue& value) {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& [number, item] : items_) {
      const auto found = item.values.find(value.tag);
      if (found == item.values.end()) continue;
      sum += found->second;
      ++count;
    }
    if (count != items_.size() || !value.value) return;
    const double mean = sum / static_cast<double>(count);
    if (std::abs(mean - *value.value) <= kSameMean) return;
    problems_.add("", fmt::format("its items have a mean {} of {}, the results say {}; the two "
                                  "files are not of one run",
                                  value.tag, mean, *value.value));
  }

  ImportProblems problems_;
  std::string task_;
  Sha256 hash_;
  std::map<std::int64_t, ItemScore> items_;
  std::set<std::pair<std::int64_t, std::string>> seen_;
  std::set<std::string> without_numbers_;
};

/// "2026-12-01T04-30-53.123456" of "results_2026-12-01T04-30-53.123456.json"; "" of other names.
std::string date_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::size_t at = stem.rfind('_');
  return at == std::string::npos ? "" : stem.substr(at + 1);
}

/// The same results with other items are another measurement.
void give_keys(ImportContent& content) {
  for (ImportedCell& cell : content.cells) {
    cell.cell.key_doc["imported"]["file"] = content.hash;
    cell.cell.model_hash = "imported:" + content.hash;
    cell.cell.key = json_hash(cell.cell.key_doc);
  }
}

}  // namespace

void add_lm_eval_samples(const ImportSource& source, ImportContent& content, ImportProblems&) {
  const std::string date = date_of(source.file());
  if (date.empty()) return;
  std::set<std::string> without_numbers;
  std::string hashes = content.hash;
  for (ImportedCell& cell : content.cells) {
    const fs::path file =
        source.file().parent_path() / fmt::format("samples_{}_{}.jsonl", cell.cell.suite, date);
    std::error_code ignored;
    if (cell.cell.suite.find('/') != std::string::npos || !fs::exists(file, ignored)) continue;
    SampleReader reader(file, cell.cell.suite);
    reader.give(cell);
    hashes += reader.hash();
    for (const std::string& metric : reader.without_numbers()) without_numbers.insert(metric);
  }
  if (hashes != content.hash) {
    content.hash = sha256_hex(hashes);
    give_keys(content);
  }
  for (const std::string& metric : without_numbers) {
    content.left_out.push_back(
        fmt::format("what single items have of {}, which is no number", metric));
  }
}

}  // namespace assay
