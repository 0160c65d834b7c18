#pragma once
// Test support: trainings of predictors.

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/contextual/predictor_training.h"

namespace assay {

inline std::vector<at::Tensor> tensors_of(Predictor& predictor) {
  std::vector<at::Tensor> tensors;
  predictor.visit_tensors([&](const std::string&, at::Tensor& t) { tensors.push_back(t.clone()); });
  return tensors;
}

inline bool same_bits(Predictor& a, Predictor& b) {
  const auto left = tensors_of(a), right = tensors_of(b);
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!at::equal(left[i], right.at(i))) return false;
  }
  return left.size() == right.size();
}

/// What a test ends a training with.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

/// Keeps the remarks of a training called "layer 3".
class Remarked : public testing::Test {
 protected:
  TrainHooks hooks_{.warn = [this](const std::string& code,
                                   const std::string& text) { remarks_.emplace_back(code, text); },
                    .name = "layer 3"};
  std::vector<std::pair<std::string, std::string>> remarks_;
};

}  // namespace assay
