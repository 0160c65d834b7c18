#pragma once
// What a report says, before any format: tables of typed cells, notes, environment. Every renderer
// reads only this.

#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/store/store.h"

namespace assay {

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
  std::optional<double> value;   ///< in the column's unit
  std::optional<double> lo, hi;  ///< 95 % interval
  std::optional<double> ratio;   ///< value / the twin's value
  std::size_t note = 0;          ///< 1-based index into Document::notes, 0 = none
};

struct TableColumn {
  std::string group;  ///< suite with the parameters that vary; "" for what is not a suite's
  std::string title;  ///< metric, in a reader's words
  std::string unit;
  int direction = 0;  ///< +1 higher is better, -1 lower is better, 0 neutral
};

/// One model on one profile. Every row has as many cells as there are columns; column 0 is labels.
struct Table {
  std::string title;
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableCell>> rows;
};

struct Document {
  std::string title;
  std::vector<std::string> warnings;  ///< watermark lines; every format shows them first
  std::vector<Table> tables;
  std::vector<std::string> notes;        ///< what the numbers behind status words stand for
  std::vector<std::string> environment;  ///< one line a distinct machine or build
  /// Everything behind the tables, one record a cell and metric, in plan order.
  std::vector<ResultRow> records;
};

/// What the store knows of one experiment.
struct ExperimentResults {
  std::string name;
  Json config;  ///< resolved experiment; null when unknown
  std::vector<ResultRow> rows;
  std::vector<Json> environments;
};

/// Pure: equal results give equal documents.
Document make_document(const ExperimentResults& results);

}  // namespace assay
