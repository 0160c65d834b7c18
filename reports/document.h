#pragma once
// What a report says, before any format: sections with tables of typed cells and plots, notes,
// environment. Every renderer reads only this.

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/base/json.h"
#include "harness/judge/predicted.h"
#include "harness/store/records.h"
#include "harness/store/report_records.h"
#include "harness/store/store.h"
#include "reports/plot.h"

namespace assay {

/// Something that is said beside a value.
struct RowRemark {
  std::string code, text;
};

/// Remarks by cell: what is said of a cell touches all of its metrics.
class RemarkIndex {
 public:
  RemarkIndex() = default;
  explicit RemarkIndex(const std::vector<Remark>& remarks);
  /// Those of the row's cell, then why its value has no interval.
  [[nodiscard]] std::vector<RowRemark> of(const ResultRow& row) const;
  [[nodiscard]] std::vector<RowRemark> of_cell(const std::string& cell_key) const;

 private:
  std::unordered_map<std::string, std::vector<RowRemark>> by_cell_;
};

/// One place of a table.
struct TableCell {
  enum class Kind {
    kLabel,   ///< `text` names the row
    kValue,   ///< `value`, perhaps with lo, hi, ratio
    kStatus,  ///< `text` is a status word: why there is no number
    kAbsent,  ///< nothing was asked here
  };
  Kind kind = Kind::kAbsent;
  std::string text;
  std::optional<double> value;          ///< in the column's unit
  std::optional<double> lo, hi;         ///< 95 % interval
  std::optional<double> ratio;          ///< value / the twin's value
  std::vector<std::size_t> notes = {};  ///< 1-based indices into Document::notes
  /// Whether it is told apart from the twin; absent when one of them has no interval.
  std::optional<bool> differs;
  /// Not told apart from the best of the methods that share all else; never dense.
  bool best = false;
  std::string word;  ///< of a ratio: "better", "worse", "not told apart"
};

struct TableColumn {
  std::string group;  ///< suite with the parameters that vary; "" for what is not a suite's
  std::string title;  ///< metric, in a reader's words
  std::string unit;
  int direction = 0;            ///< +1 higher is better, -1 lower is better, 0 neutral
  std::string convention = {};  ///< what two values must have in common to be compared
};

/// Every row has as many cells as there are columns; those with labels come first.
struct Table {
  std::string title;
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableCell>> rows;
  std::size_t labels = 1;  ///< columns that name the row
};

/// A part of the long report: what one question needs. Empty ones are left out by whoever builds.
struct Section {
  std::string id;  ///< letters, digits, '-': the anchor
  std::string title;
  std::vector<std::string> text;  ///< paragraphs before tables and plots
  std::vector<Table> tables;
  std::vector<Plot> plots;
  [[nodiscard]] bool empty() const { return tables.empty() && plots.empty(); }
};

struct Document {
  std::string name;  ///< of the experiment
  std::string title;
  std::vector<std::string> warnings;  ///< watermark lines; every format shows them first
  /// Words for a watermark across everything: "LIMITED RUN", "RANDOM WEIGHTS".
  std::vector<std::string> watermarks;
  Section answer;  ///< what stands first: sentences that verdicts carry, and their fronts
  std::vector<Table> tables;             ///< what every format shows
  std::vector<Section> sections;         ///< what only a long report shows
  std::vector<std::string> notes;        ///< what the numbers behind status words stand for
  std::vector<std::string> environment;  ///< one line a distinct machine or build
  std::vector<std::string> footer;       ///< noise floor, the harness's own share, provenance
  /// Everything behind the tables, one record a cell and metric, in plan order.
  std::vector<ResultRow> records;
  /// Of each record, whether it is not told apart from the best; absent where nothing competes.
  std::vector<std::optional<bool>> best;
  [[nodiscard]] std::optional<bool> best_of(std::size_t record) const {
    return record < best.size() ? best[record] : std::nullopt;
  }
  RemarkIndex remarks;  ///< of the records
  /// Values of each process behind the times, in plan order; only for formats that ask for raw
  /// values.
  std::vector<TimedSeries> timings;
};

/// What the store knows of one experiment.
struct ExperimentResults {
  std::string name;
  Json config;  ///< resolved experiment; null when unknown
  std::vector<ResultRow> rows;
  std::vector<Json> environments;
  std::vector<TimedSeries> timings = {};
  std::vector<ProcessTotal> processes = {};
  std::vector<Json> machine_checks = {};  ///< the newest of each profile
  std::vector<Origin> origins = {};
  std::vector<Remark> remarks = {};
  std::optional<HarnessOverhead> overhead = {};
  std::vector<SpeedUp> speed_ups = {};
  std::map<std::string, std::string> machines = {};  ///< words for ResultRow::machine
  std::vector<CellRecord> cells = {};  ///< what is behind the rows, to tell values apart
};

/// How much of a document is made: sections are for long reports only.
enum class Detail { kTables, kAll };

/// Pure: equal results give equal documents. Throws UserError for a stored layout that fits no
/// result.
Document make_document(const ExperimentResults& results, Detail detail = Detail::kTables);

struct Layout;
/// The rows that the layout chooses, as the one table that it describes; with conditions alone, all
/// of the usual report about those rows. Throws UserError for fields or metrics that no row has.
Document make_document(const ExperimentResults& results, const Layout& layout);

}  // namespace assay
