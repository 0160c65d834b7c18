#pragma once
// One list a table of what is measured and copied, from which statements that write, read, copy,
// export and hash its rows are made. Internal to harness/store.
//
// A new column can be NULL and goes to the end of its list: so what was hashed before keeps its
// checksum. A migration that changes stored values has to seal their attempts anew.

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// A table of rows that belong to a parent, without the column that names it.
struct OwnedTable {
  std::string_view name;
  std::string_view parent;  ///< column that names the parent: "attempt_id" or "experiment_id"
  bool by_metric;           ///< has a metric_id, whose number differs from file to file
  std::span<const std::string_view> columns;
  std::string_view order;  ///< the same in every file; of one metric where `by_metric`
};

inline constexpr std::array<std::string_view, 15> kAttemptColumns = {
    "attempt_uuid",  "cell_key",      "status",        "reason_code", "reason_text",
    "session_uuid",  "timed",         "started_utc",   "ended_utc",   "owner_pid",
    "owner_started", "owner_boot_id", "schedule_seed", "owner",       "machine"};
/// Of a plan; its identity, name and place differ from file to file.
inline constexpr std::array<std::string_view, 5> kPlanColumns = {
    "config_hash", "plan_hash", "plan_seed", "created_utc", "limited"};

inline constexpr std::array<std::string_view, 13> kPlanCellColumns = {
    "ordinal",  "cell_key",     "twin_key",   "model_name", "model_hash",     "method", "params",
    "suite_id", "suite_params", "profile_id", "seed",       "random_weights", "limited"};
inline constexpr std::array<std::string_view, 19> kProcessColumns = {"process_no",
                                                                     "pass",
                                                                     "order_pos",
                                                                     "pid",
                                                                     "boot_id",
                                                                     "started_utc",
                                                                     "ended_utc",
                                                                     "exit_code",
                                                                     "signal",
                                                                     "peak_rss_bytes",
                                                                     "cpu_seconds",
                                                                     "load1",
                                                                     "stderr_tail",
                                                                     "env_hash",
                                                                     "block",
                                                                     "wall_seconds",
                                                                     "start_seconds",
                                                                     "between_seconds",
                                                                     "parent_cpu_seconds"};
inline constexpr std::array<std::string_view, 4> kSampleColumns = {"process_no", "idx", "value",
                                                                   "warmup"};
inline constexpr std::array<std::string_view, 8> kMetricValueColumns = {
    "value", "std_error", "lo", "hi", "n", "interval_method", "null_reason", "no_interval"};
inline constexpr std::array<std::string_view, 9> kItemColumns = {
    "item_no", "item_hash", "correct", "score", "nll", "kld", "n_tokens", "output_hash", "extra"};
inline constexpr std::array<std::string_view, 5> kEventColumns = {"process_no", "at_utc", "level",
                                                                  "code", "text"};

inline constexpr OwnedTable kCells = {"plan_cell", "experiment_id", false, kPlanCellColumns,
                                      "ordinal"};
inline constexpr OwnedTable kProcesses = {"process_run", "attempt_id", false, kProcessColumns,
                                          "process_no"};
inline constexpr OwnedTable kSamples = {"sample", "attempt_id", true, kSampleColumns,
                                        "process_no, idx"};
inline constexpr OwnedTable kMetricValues = {"metric_value", "attempt_id", true,
                                             kMetricValueColumns, "attempt_id"};
inline constexpr OwnedTable kItems = {"per_item", "attempt_id", false, kItemColumns, "item_no"};
inline constexpr OwnedTable kEvents = {"event", "attempt_id", false, kEventColumns, "event_id"};

/// Everything that an attempt owns; what others refer to comes first.
inline constexpr std::array kMeasured = {kProcesses, kSamples, kMetricValues, kItems, kEvents};

/// "a, b, c", each behind the prefix.
std::string column_list(std::span<const std::string_view> columns, std::string_view prefix = "");

/// INSERT of one row: the parent, the metric where there is one, then the columns.
std::string insert_statement(const OwnedTable& table);
/// SELECT of the rows of one parent: the metric or NULL, then the columns; ordered by metric_id
/// first where there is one.
std::string select_statement(const OwnedTable& table);

}  // namespace assay
