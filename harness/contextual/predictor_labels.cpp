#include "harness/contextual/predictor_labels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_left_shift.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace assay {
namespace {

constexpr std::int64_t kBits = 8;

std::int64_t bytes_of(std::int64_t outputs) { return (outputs + kBits - 1) / kBits; }

/// 0 to 7.
at::Tensor places(const at::Tensor& like) {
  return at::arange(kBits, like.options().dtype(at::kByte));
}

}  // namespace

BinaryLabels BinaryLabels::plain(at::Tensor values) {
  const bool bytes = values.scalar_type() == at::kByte;
  if (values.dim() != 2 || (!bytes && values.scalar_type() != at::kBool)) {
    throw std::logic_error("labels are bool or uint8, one row a token");
  }
  if (bytes && values.numel() > 0 && values.max().item<int>() > 1) {
    throw std::logic_error("labels that are neither 0 nor 1");
  }
  const std::int64_t outputs = values.size(1);
  return {std::move(values), outputs, false};
}

BinaryLabels BinaryLabels::packed(at::Tensor bytes, std::int64_t outputs) {
  if (bytes.dim() != 2 || bytes.scalar_type() != at::kByte || bytes.size(1) != bytes_of(outputs)) {
    throw std::logic_error("packed labels are uint8, eight outputs a byte");
  }
  return {std::move(bytes), outputs, true};
}

at::Tensor BinaryLabels::of_rows(const at::Tensor& which) const {
  const at::Tensor chosen = tensor_.index_select(0, which.to(tensor_.device()));
  if (!packed_) return chosen.to(at::kBool);
  const at::Tensor bits =
      at::bitwise_right_shift(chosen.unsqueeze(2), places(chosen)).bitwise_and(1);
  return bits.flatten(1).narrow(1, 0, outputs_).to(at::kBool);
}

at::Tensor pack_labels(const at::Tensor& labels) {
  const std::int64_t outputs = labels.size(1), bytes = bytes_of(outputs);
  const at::Tensor padded =
      at::constant_pad_nd(labels.to(at::kByte), {0, bytes * kBits - outputs}, 0);
  const at::Tensor bits = padded.view({labels.size(0), bytes, kBits});
  return at::bitwise_left_shift(bits, places(bits)).sum(2).to(at::kByte);
}

at::Tensor active_labels(const at::Tensor& activations) { return activations.gt(0); }

at::Tensor largest_labels(const at::Tensor& values, std::int64_t count) {
  const std::int64_t chosen = std::clamp<std::int64_t>(count, 0, values.size(1));
  const at::Tensor where = std::get<1>(at::topk(values, chosen, 1));
  const at::Tensor labels = at::zeros_like(values, values.options().dtype(at::kBool));
  return labels.scatter(1, where, 1).logical_and(values.ne(0));
}

at::Tensor head_norms(const at::Tensor& contexts, std::int64_t heads) {
  const at::Tensor parts = contexts.to(at::kFloat).view({contexts.size(0), heads, -1});
  return at::linalg_vector_norm(parts, 2, at::IntArrayRef{2});
}

}  // namespace assay
