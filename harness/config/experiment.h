#pragma once
// An experiment file, typed. All errors of a file are reported together with line and column.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/checkpoint_time.h"
#include "harness/base/json.h"
#include "harness/base/params.h"
#include "harness/config/catalogue.h"

namespace assay {

/// A place in a file, for messages: "x.toml:14:3".
struct SourcePlace {
  std::string file;
  std::uint32_t line = 0, column = 0;
  [[nodiscard]] std::string text() const;
};

struct CalibrationChoice {
  std::string dataset = "news";
  std::string split = "calibration";
  std::string data = kTextData;  ///< the data set's kind: kTextData or kItemsData
  std::int64_t samples = 128;
  /// Of a sample, of items at most; 0: the smaller of 2048 and the model's positions.
  std::int64_t tokens = 0;
  [[nodiscard]] bool on_items() const { return data == kItemsData; }
  Json to_json() const;
};

/// What a method trains on: labelled items, or windows of a text.
struct TrainingChoice {
  std::string dataset = "sst2";
  std::string split = "train";
  std::string data = kLabelledData;  ///< the data set's kind
  // Of labelled data.
  std::int64_t items = 0;        ///< the first of a shuffled order; 0: all
  std::int64_t subset_seed = 0;  ///< of that order
  std::int64_t max_tokens = 128;
  // Of a text.
  std::int64_t samples = 0;  ///< windows from the beginning of the text on; 0: all
  std::int64_t tokens = 0;   ///< of a window; 0: the smaller of 256 and the model's positions
  [[nodiscard]] bool on_text() const { return data == kTextData; }
  /// What is said of the form that it is.
  Json to_json() const;
};

struct ModelChoice {
  std::string id;  ///< a folder, or a name of the model catalogue
  bool random_weights = false;
  SourcePlace place;
};

/// One `[[method]]` block with its axes multiplied out: one entry a combination.
struct MethodChoice {
  std::string id;
  Json params = Json::object();  ///< checked, defaults written in
  std::optional<CalibrationChoice> calibration;
  SourcePlace place;
  std::optional<TrainingChoice> training = {};
  /// Methods applied to the result, one after the other.
  std::vector<MethodChoice> then = {};
  /// This link (0) or one of `then` (from 1 on).
  [[nodiscard]] const MethodChoice& link(std::size_t index) const {
    return index == 0 ? *this : then.at(index - 1);
  }
  [[nodiscard]] MethodChoice& link(std::size_t index) {
    return index == 0 ? *this : then.at(index - 1);
  }
  /// "wanda then finetune"
  [[nodiscard]] std::string chain_name() const;
  /// Everything that decides what is fitted: params with "calibration", "training" and "then" where
  /// there are such. Results are stored and selected by it.
  [[nodiscard]] Json all_params() const;
};

/// One `[[suite]]` block, likewise multiplied out.
struct SuiteChoice {
  std::string id;
  std::string kind;
  std::string dataset;  ///< "" for synthetic tokens
  std::string split;
  Json params = Json::object();  ///< of the kind, defaults and the suite file's values written in
  bool limited = false;          ///< `limit` was set: every table carries a watermark
  SourcePlace place;
};

/// One `[[report]]` block: a table to make of the results. No part of any cell's key.
struct ReportChoice {
  std::string name, title;
  std::vector<std::string> where;                ///< conditions, "suite=news-ppl"
  std::vector<std::string> group_by{"setting"};  ///< what makes a line
  std::vector<std::string> pivot{"suite"};       ///< what makes columns beside the metric
  std::vector<std::string> columns;              ///< metrics; empty: the usual ones
  [[nodiscard]] Json to_json() const;
};

/// How long timing goes on for a narrow interval. Each group of arms that are timed against each
/// other has its own budget.
struct Sampling {
  double target_interval = 0;  ///< half width on the log scale, as a share; 0: a fixed number
  double budget_s = 600;       ///< no further block is begun that would end after it
  std::int64_t max_processes_per_arm = 40;
  [[nodiscard]] bool adapts() const { return target_interval > 0; }
  [[nodiscard]] Json to_json() const;
};

struct Experiment {
  std::string name, title;
  std::vector<std::uint64_t> seeds{0};
  std::vector<std::string> profiles{"cpu"};
  std::vector<ModelChoice> models;
  std::vector<MethodChoice> methods;
  std::vector<SuiteChoice> suites;
  std::vector<ReportChoice> reports;
  std::vector<PluginEntry> plugins;  ///< that its methods and suites are of
  /// Limits of `[measure]`.
  std::int64_t processes_per_arm = 3;  ///< the fewest, when sampling adapts
  Sampling sampling;
  double timeout_s = 3600;
  double checkpoint_s = kCheckpointSeconds;  ///< between checkpoints of a fit that trains
  /// Everything with defaults written out; stored, hashed, printed by `assay plan --resolved`.
  [[nodiscard]] Json resolved() const;
};

/// Reads and checks an experiment file against what the worker and the catalogue know.
/// Throws UserError with all problems, sorted by position.
Experiment read_experiment(const std::filesystem::path& path, const Catalogue& catalogue);

}  // namespace assay
