#pragma once
// The name of the method that leaves a model as it is, which all others are compared with.

namespace assay {

inline constexpr const char* kDense = "dense";

}  // namespace assay
