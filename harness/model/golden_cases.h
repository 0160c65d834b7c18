#pragma once
// Test support: the goldens of scripts/golden/model_parity.py.

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/checkpoint/safetensors.h"
#include "harness/model/model.h"
#include "tests/support/build_paths.h"

namespace assay {

inline std::filesystem::path golden_folder() { return source_dir() / "tests" / "data" / "model"; }

/// Names of the cases that carry a model, sorted.
inline std::vector<std::string> golden_cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_folder())) {
    if (std::filesystem::exists(entry.path() / "config.json")) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Those without mixtures of experts, out of which no neurons are taken.
inline std::vector<std::string> golden_cases_with_plain_ffns() {
  std::vector<std::string> names = golden_cases();
  std::erase_if(names, [](const std::string& name) {
    return has_experts(Checkpoint::open(golden_folder() / name, false).spec());
  });
  return names;
}

/// What transformers computed.
struct Golden {
  at::Tensor tokens;       ///< int64 [batch, length]
  at::Tensor logits_f32;   ///< f32 [batch, length, columns]: the last columns of the vocabulary
  at::Tensor logits_bf16;  ///< f32, of the bfloat16 model
  /// By layer, of a mixture: int64 [batch, length, k], the experts that it took in bfloat16.
  std::map<std::int64_t, at::Tensor> experts;
};

inline Golden read_golden(const std::string& name) {
  const SafetensorsFile file = open_safetensors(golden_folder() / name / "expected.safetensors");
  const auto read = [&](const std::string& tensor, at::ScalarType dtype) {
    for (const StoredTensor& stored : file.tensors) {
      if (stored.name != tensor) continue;
      auto* data = const_cast<std::byte*>(stored.bytes.data());
      return at::from_blob(data, stored.shape, at::TensorOptions(dtype)).clone();
    }
    throw std::runtime_error("no tensor " + tensor);
  };
  Golden golden{read("tokens", at::kLong),
                read("logits_f32", at::kFloat),
                read("logits_bf16", at::kBFloat16).to(at::kFloat),
                {}};
  constexpr std::string_view kExperts = "experts_";
  for (const StoredTensor& stored : file.tensors) {
    if (!stored.name.starts_with(kExperts)) continue;
    golden.experts[std::stoll(stored.name.substr(kExperts.size()))] = read(stored.name, at::kLong);
  }
  return golden;
}

inline Model load_golden(const std::string& name, at::ScalarType dtype = at::kFloat) {
  LoadOptions options;
  options.dtype = dtype;
  return Model::load(golden_folder() / name, options);
}

/// max |a - b| / max |b|
inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kFloat);
  const double scale = wide.abs().max().item<double>();
  return a.to(at::kFloat).sub(wide).abs().max().item<double>() / scale;
}

}  // namespace assay
