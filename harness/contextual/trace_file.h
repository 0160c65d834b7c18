#pragma once
// A trace on disk that grows sequence by sequence and that a killed fit finds again
// (docs/formats/traces.md).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "harness/base/json.h"
#include "harness/contextual/trace_column.h"

namespace assay {

/// Columns in a folder that belongs to it alone. What is committed is a number of whole sequences,
/// whatever happens afterwards.
class TraceFile {
 public:
  /// Goes on from what is committed in the folder, or begins anew where there is nothing, a trace
  /// of another `identity` (all that decides its values), or a damaged one. Throws MachineError.
  TraceFile(const std::filesystem::path& folder, Json identity);

  /// Why a trace that was there was thrown away; empty: none was.
  [[nodiscard]] const std::string& dropped() const { return dropped_; }
  /// Whole ones.
  [[nodiscard]] std::int64_t sequences() const { return sequences_; }

  /// What the next sequence adds to a column, once a column: [rows, ...], of one dtype in each
  /// sequence, and as many as the sequence has. The first sequence says which columns there are.
  /// Throws MachineError for a full disk, std::logic_error for a misuse; the trace can then only be
  /// opened again.
  void append(const std::string& column, const at::Tensor& rows);
  /// Throws std::logic_error when a column got nothing.
  void end_sequence();
  /// Syncs the columns, then says in one step how many sequences they hold. Throws MachineError;
  /// what was committed before stays then.
  void commit();

  /// The rows of all sequences of each column, as TraceColumn::mapped() has them.
  [[nodiscard]] std::map<std::string, at::Tensor> columns() const;

 private:
  void resume();
  void adopt(const Json& stored);
  void begin_anew(const std::string& because);
  void remove_strangers() const;
  [[nodiscard]] std::filesystem::path head() const { return folder_ / "trace.json"; }
  [[nodiscard]] std::filesystem::path file_of(const std::string& column) const {
    return folder_ / (column + ".bin");
  }

  std::filesystem::path folder_;
  Json identity_;
  std::string dropped_;
  std::map<std::string, TraceColumn> columns_;
  std::set<std::string> filled_;  ///< columns to which the sequence that is being added has added
  std::int64_t sequences_ = 0, committed_ = 0;
};

}  // namespace assay
