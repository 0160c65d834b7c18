#pragma once
// One column of a trace: a file of rows that grows at its end.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "harness/base/descriptor.h"
#include "harness/base/json.h"

namespace assay {

/// What each row of a column is.
struct TraceRow {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  bool operator==(const TraceRow&) const = default;
  [[nodiscard]] std::int64_t bytes() const;
};
/// Of rows [n, ...]. Throws std::logic_error for a single number.
TraceRow row_of(const at::Tensor& rows);

/// Values one after the other, little-endian, without a header. What is appended goes to the file
/// at once: nothing of it is kept in memory.
class TraceColumn {
 public:
  /// Opens the file, or makes it, with `rows` of them in it; what is behind these is cut off.
  /// Throws FileError where the file is shorter, MachineError where it cannot be written.
  TraceColumn(std::filesystem::path file, TraceRow row, std::int64_t rows);
  /// As to_json() of such a column has it. Throws FileError for an unknown type and for sizes that
  /// are none, Json::exception for a key that is missing.
  TraceColumn(std::filesystem::path file, const Json& json);

  /// {"dtype": "BFloat16", "rows": 4096, "row": [768]}
  [[nodiscard]] Json to_json() const;

  /// Rows [n, ...] of any number, on any device. Throws std::logic_error for other rows than the
  /// column's, MachineError for a full disk and the like.
  void append(const at::Tensor& rows);
  /// What was appended outlives the machine's end. Throws MachineError.
  void sync() const;
  /// [rows, row...] on the CPU, pages of the file that are read when they are looked
  /// at. Stays what it is when the file's name goes away; writing to it does not reach the file.
  /// Throws MachineError.
  [[nodiscard]] at::Tensor mapped() const;

 private:
  std::filesystem::path file_;
  TraceRow row_;
  std::int64_t rows_;
  Descriptor descriptor_;
};

}  // namespace assay
