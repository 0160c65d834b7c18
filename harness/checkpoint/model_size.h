#pragma once
// How large a model is, by its configuration alone.

#include <cstdint>

#include "harness/checkpoint/spec.h"

namespace assay {

struct ModelSize {
  std::int64_t parameters = 0;
  /// Of the matrices, head included where it scores every token, and of as many experts as a token
  /// takes; multiply and add counted apart. What attention does with keys and values, which grows
  /// with the text, is left out.
  std::int64_t flops_per_token = 0;
};

ModelSize model_size(const ModelSpec& spec);

}  // namespace assay
