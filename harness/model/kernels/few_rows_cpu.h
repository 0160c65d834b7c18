#pragma once
// Products of a weight and a few rows of fp32 (nine to some hundred): too many for gemv_cpu.h, too
// few to pay for rearranging the weight. The rows are rearranged instead, into panels that stay in
// the cache, and the weight is read once as it lies. Plain pointers, no torch types, one thread.

#include <cstdint>

namespace assay {

/// Rows of a panel on this processor. Panels follow each other, each [cols][few_rows_panel()]:
/// column k of all its rows side by side, zeros where there are no more rows.
std::int64_t few_rows_panel();

struct PackPanelsArgs {
  const float* rows = nullptr;  ///< [count, cols], contiguous
  std::int64_t count = 0, cols = 0;
  float* panels = nullptr;
};
/// Columns [begin, end) of all panels.
void pack_panels(const PackPanelsArgs& args, std::int64_t begin, std::int64_t end);

struct FewRowsArgs {
  const float* panels = nullptr;
  const float* weight = nullptr;  ///< [width, cols], contiguous
  const float* bias = nullptr;    ///< [width], or null
  float* out = nullptr;           ///< [count, width], contiguous
  std::int64_t count = 0, cols = 0, width = 0;
};
/// out = rows W^T + bias for the columns [begin, end) of out. Each sum runs over the columns in
/// their order, whatever the number of rows.
void few_rows_product(const FewRowsArgs& args, std::int64_t begin, std::int64_t end);

}  // namespace assay
