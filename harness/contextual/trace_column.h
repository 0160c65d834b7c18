#pragma once
// One column of a trace: a file of rows, as many from each sequence, that grows at its end.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "harness/base/descriptor.h"
#include "harness/base/json.h"

namespace assay {

/// What one sequence adds to a column.
struct TraceRows {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;  ///< rows of a sequence, then the shape of a row
  bool operator==(const TraceRows&) const = default;
  [[nodiscard]] std::int64_t bytes() const;
};
TraceRows rows_of(const at::Tensor& tensor);

/// {"dtype": "BFloat16", "rows": 2048, "row": [768]}
Json to_json(const TraceRows& rows);
/// Throws FileError for an unknown type and for sizes that are none, Json::exception for a key that
/// is missing.
TraceRows trace_rows_from(const Json& json);

/// Values one after the other, little-endian, without a header. What is appended goes to the file
/// at once: nothing of it is kept in memory.
class TraceColumn {
 public:
  /// Opens the file, or makes it, with `sequences` of them in it; what is behind these is cut off.
  /// Throws FileError where the file is shorter, MachineError where it cannot be written.
  TraceColumn(std::filesystem::path file, TraceRows rows, std::int64_t sequences);

  /// Of one sequence, on any device. Throws std::logic_error for other rows than the column's,
  /// MachineError for a full disk and the like.
  void append(const at::Tensor& rows);
  /// What was appended outlives the machine's end. Throws MachineError.
  void sync() const;
  /// [sequences * rows, row...] on the CPU, pages of the file that are read when they are looked
  /// at. Stays what it is when the file's name goes away; writing to it does not reach the file.
  /// Throws MachineError.
  [[nodiscard]] at::Tensor mapped() const;

  [[nodiscard]] const TraceRows& rows() const { return rows_; }
  [[nodiscard]] std::int64_t sequences() const { return sequences_; }

 private:
  std::filesystem::path file_;
  TraceRows rows_;
  std::int64_t sequences_;
  Descriptor descriptor_;
};

}  // namespace assay
