#pragma once
// Test support: the tensors of the references under tests/data that come from a formula.

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <cstdint>

namespace assay {

/// scale sin(a (i + 1) + b (j + 1) (1 + i mod 7) + phase), in double and rounded: f32 [rows,
/// columns].
inline at::Tensor formula(std::int64_t rows, std::int64_t columns, double a, double b, double scale,
                          double phase = 0) {
  at::Tensor values = at::empty({rows, columns}, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const double angle =
          a * static_cast<double>(i + 1) + b * static_cast<double>((j + 1) * (1 + i % 7)) + phase;
      *out++ = static_cast<float>(scale * std::sin(angle));
    }
  }
  return values;
}

}  // namespace assay
