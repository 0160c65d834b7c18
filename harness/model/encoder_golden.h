#pragma once
// Test support: the encoders of scripts/golden/gradient_parity.py.

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/checkpoint/safetensors.h"
#include "harness/model/model.h"
#include "tests/support/build_paths.h"

namespace assay {

inline std::filesystem::path encoder_folder() {
  return source_dir() / "tests" / "data" / "encoder";
}

using GoldenTensors = std::map<std::string, at::Tensor>;

/// All tensors of a file, as owned copies.
inline GoldenTensors read_tensors(const std::filesystem::path& path) {
  const std::map<std::string, at::ScalarType> types = {
      {"F32", at::kFloat}, {"F64", at::kDouble}, {"BF16", at::kBFloat16}, {"I64", at::kLong}};
  const SafetensorsFile file = open_safetensors(path);
  GoldenTensors all;
  for (const StoredTensor& stored : file.tensors) {
    auto* data = const_cast<std::byte*>(stored.bytes.data());
    all[stored.name] =
        at::from_blob(data, stored.shape, at::TensorOptions(types.at(stored.dtype))).clone();
  }
  return all;
}

/// Rows of real tokens, one sequence after the other, out of [batch, length, ...].
inline at::Tensor without_padding(const at::Tensor& padded, const at::Tensor& mask) {
  return padded.flatten(0, 1).index_select(0, mask.flatten().nonzero().squeeze(1));
}

/// The padded batch of a golden, packed.
inline PackedTokens packed_batch(const GoldenTensors& golden) {
  const at::Tensor& mask = golden.at("mask");
  PackedTokens packed;
  packed.tokens = without_padding(golden.at("tokens"), mask);
  packed.token_types = without_padding(golden.at("token_types"), mask);
  std::vector<std::int64_t> positions;
  const at::Tensor lengths = mask.sum(1);
  for (std::int64_t i = 0; i < mask.size(0); ++i) {
    const auto length = lengths[i].item<std::int64_t>();
    packed.segments.push_back({std::ssize(positions), length, {}});
    for (std::int64_t p = 0; p < length; ++p) positions.push_back(p);
  }
  packed.positions = at::tensor(positions, at::kLong);
  return packed;
}

}  // namespace assay
