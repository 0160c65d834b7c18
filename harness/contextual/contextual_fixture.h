#pragma once
// Test support: reference values under tests/data/contextual, and comparisons.

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/contextual/layer_scores.h"
#include "tests/support/build_paths.h"

namespace assay {

inline Json contextual_reference(const std::string& name) {
  return read_json_file(source_dir() / "tests" / "data" / "contextual" / (name + ".json"));
}

/// A list of numbers, f64.
inline at::Tensor values_of(const Json& list) {
  return at::tensor(list.get<std::vector<double>>(), at::kDouble);
}

/// A list a layer.
inline LayerScores layers_of(const Json& lists) {
  LayerScores scores;
  for (const Json& list : lists) scores.push_back(values_of(list));
  return scores;
}

/// Element by element, each by its own size; `floor`: and by that part of the largest, where small
/// elements are what is left of a sum of large terms.
inline void expect_close(const at::Tensor& found, const at::Tensor& expected, double relative,
                         const std::string& what, double floor = 0) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const at::Tensor size = expected.abs();
  const at::Tensor allowed = size.mul(relative).add(size.max().mul(floor));
  EXPECT_LE(found.sub(expected).abs().sub(allowed).max().item<double>(), 0)
      << what << "\nfound\n"
      << found << "\nexpected\n"
      << expected;
}

inline void expect_close(const LayerScores& found, const LayerScores& expected, double relative,
                         const std::string& what, double floor = 0) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i) {
    expect_close(found[i], expected[i], relative, what + ", layer " + std::to_string(i), floor);
  }
}

}  // namespace assay
