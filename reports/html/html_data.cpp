#include "reports/html/html_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "reports/html/html_text.h"
#include "reports/labels.h"
#include "reports/remark_notes.h"

namespace assay {
namespace {

const char* kind_name(Plot::Kind kind) {
  switch (kind) {
    case Plot::Kind::kScatter:
      return "scatter";
    case Plot::Kind::kLine:
      return "line";
    case Plot::Kind::kBars:
      return "bars";
    case Plot::Kind::kDistribution:
      return "distribution";
  }
  return "";
}

template <typename List, typename Append>
void append_list(std::string& out, const List& list, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& entry : list) {
    if (!first) out += ',';
    first = false;
    append(entry);
  }
  out += ']';
}

/// Texts that repeat, by number.
class Words {
 public:
  std::size_t operator()(const std::string& text) {
    const auto [place, added] = places_.emplace(text, list_.size());
    if (added) list_.push_back(text);
    return place->second;
  }
  void append(std::string& out) const {
    append_list(out, list_, [&](const auto& word) { append_json_string(out, word); });
  }

 private:
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<std::string> list_;
};

void append_optional(std::string& out, std::optional<double> value) {
  out += ',';
  if (value) {
    append_json_number(out, *value);
  } else {
    out += "null";
  }
}

/// [number of the label, x, y, x_lo, x_hi, y_lo, y_hi, marked, undecided, number of the remarks'
/// label], cut after the last that says something.
void append_point(std::string& out, const PlotPoint& point, Words& labels) {
  out += '[' + std::to_string(labels(point.label));
  append_optional(out, point.x);
  append_optional(out, point.y);
  const bool remarks = !point.remarks.empty();
  const bool undecided = point.undecided || remarks;
  const bool marked = point.marked || undecided;
  if (point.x_lo || point.x_hi || point.y_lo || point.y_hi || marked) {
    for (const auto& value : {point.x_lo, point.x_hi, point.y_lo, point.y_hi}) {
      append_optional(out, value);
    }
  }
  if (marked) out += point.marked ? ",1" : ",0";
  if (undecided) out += point.undecided ? ",1" : ",0";
  if (remarks) out += ',' + std::to_string(labels(point.remarks));
  out += ']';
}

void append_axis(std::string& out, const PlotAxis& axis) {
  out += "{\"t\":";
  append_json_string(out, axis.title);
  out += ",\"u\":";
  append_json_string(out, axis.unit);
  out += ",\"d\":" + std::to_string(axis.direction);
  if (axis.logarithmic) out += ",\"log\":1";
  out += '}';
}

void append_plot(std::string& out, const Plot& plot, Words& labels) {
  out += std::string("{\"kind\":\"") + kind_name(plot.kind) + "\",\"title\":";
  append_json_string(out, plot.title);
  out += ",\"x\":";
  append_axis(out, plot.x);
  out += ",\"y\":";
  append_axis(out, plot.y);
  if (plot.reference) {
    out += ",\"ref\":";
    append_json_number(out, *plot.reference);
  }
  if (plot.diagonal) out += ",\"diagonal\":1";
  out += ",\"cats\":";
  append_list(out, plot.categories, [&](const auto& name) { append_json_string(out, name); });
  out += ",\"series\":";
  append_list(out, plot.series, [&](const PlotSeries& series) {
    out += "{\"n\":";
    append_json_string(out, series.name);
    out += ",\"p\":";
    append_list(out, series.points,
                [&](const PlotPoint& point) { append_point(out, point, labels); });
    out += '}';
  });
  out += "}";
}

bool of_layer(const ResultRow& row) { return row.metric.find("layer.") != std::string::npos; }

/// Rows in all, and rows of single layers.
std::pair<std::size_t, std::size_t> row_counts(const std::vector<Document>& documents) {
  std::size_t all = 0, layers = 0;
  for (const Document& document : documents) {
    all += document.records.size();
    layers += static_cast<std::size_t>(
        std::count_if(document.records.begin(), document.records.end(), of_layer));
  }
  return {all, layers};
}

/// Rows as numbers into lists of cells, metrics and words.
class Values {
 public:
  explicit Values(bool without_layers) : without_layers_(without_layers) {}

  void add(const Document& document) {
    const Labels labels(document.records);
    for (const ResultRow& row : document.records) {
      if (count_ == kMostValueRows) return;
      if (without_layers_ && of_layer(row)) continue;
      ++count_;
      add(row, labels, document.name, remarks_line(document.remarks.of(row)));
    }
  }

  void append(std::string& out) const {
    out += "{\"words\":";
    words_.append(out);
    out += ",\n\"cells\":[" + cells_ + "],\n\"metrics\":[" + metrics_ + "],\n\"rows\":[" + rows_ +
           "]}";
  }

 private:
  void add(const ResultRow& row, const Labels& labels, const std::string& experiment,
           const std::string& remarks) {
    const std::size_t cell = cell_of(row, labels, experiment);
    rows_ += rows_.empty() ? "[" : ",\n[";
    rows_ +=
        std::to_string(cell) + ',' + (row.metric.empty() ? "null" : std::to_string(metric_of(row)));
    append_numbers(row, remarks);
    rows_ += ']';
  }

  /// value, lo, hi, n, ratio, number of the remarks; without what is absent at the end.
  void append_numbers(const ResultRow& row, const std::string& remarks) {
    std::string pending;
    const std::optional<double> n =
        row.n > 0 ? std::optional(static_cast<double>(row.n)) : std::nullopt;
    const std::optional<double> ratio = row.method == "dense" ? std::nullopt : row.ratio;
    const std::optional<double> said =
        remarks.empty() ? std::nullopt : std::optional(static_cast<double>(words_(remarks)));
    for (const auto& value : {row.value, row.lo, row.hi, n, ratio, said}) {
      append_optional(pending, value);
      if (!value) continue;
      rows_ += pending;
      pending.clear();
    }
  }

  std::size_t cell_of(const ResultRow& row, const Labels& labels, const std::string& experiment) {
    if (row.cell_key == last_key_ && experiment == last_experiment_ && cell_count_ > 0) {
      return cell_count_ - 1;
    }
    last_key_ = row.cell_key;
    last_experiment_ = experiment;
    std::string reason = row.value ? "" : row.reason;
    if (row.limited) reason += (reason.empty() ? "" : "; ") + std::string("limited run");
    if (row.random_weights) reason += (reason.empty() ? "" : "; ") + std::string("random weights");
    cells_ += cells_.empty() ? "[" : ",\n[";
    for (const auto& text : {row.model, labels.method(row), labels.suite(row), row.profile}) {
      cells_ += std::to_string(words_(text)) + ',';
    }
    cells_ += std::to_string(row.seed) + ',' + std::to_string(words_(row.status)) + ',' +
              std::to_string(words_(reason)) + ',' + std::to_string(words_(experiment)) + ']';
    return cell_count_++;
  }

  std::size_t metric_of(const ResultRow& row) {
    const auto [place, added] =
        metric_places_.emplace(std::pair{row.metric, row.convention}, metric_places_.size());
    if (added) {
      metrics_ += metrics_.empty() ? "[" : ",[";
      metrics_ += std::to_string(words_(row.metric)) + ',' + std::to_string(words_(row.unit)) +
                  ',' + std::to_string(words_(row.convention)) + ']';
    }
    return place->second;
  }

  bool without_layers_;
  std::size_t count_ = 0;
  Words words_;
  std::string cells_, metrics_, rows_, last_key_, last_experiment_;
  std::size_t cell_count_ = 0;
  std::map<std::pair<std::string, std::string>, std::size_t> metric_places_;
};

}  // namespace

std::string values_text(const std::vector<Document>& documents) {
  const auto [all, layers] = row_counts(documents);
  if (all <= kMostValueRows) {
    return "One line a cell and metric, as the CSV and JSON formats have them.";
  }
  const std::size_t kept = std::min(all - layers, kMostValueRows);
  return fmt::format(
      "{} of {} lines, one a cell and metric, without those of single layers: assay "
      "report --format csv has all.",
      kept, all);
}

std::size_t PageData::add(const Plot& plot) {
  plots_.push_back(&plot);
  return plots_.size() - 1;
}

std::string PageData::write(const std::vector<Document>& documents) const {
  std::string out = "{\"plots\":";
  Words labels;
  append_list(out, plots_, [&](const Plot* plot) { append_plot(out, *plot, labels); });
  out += ",\n\"labels\":";
  labels.append(out);
  out += ",\n\"values\":";
  Values values(row_counts(documents).first > kMostValueRows);
  for (const Document& document : documents) values.add(document);
  values.append(out);
  return out + "}";
}

}  // namespace assay
