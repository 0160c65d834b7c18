#pragma once
// A transformer layer over a batch of padded sequences. Everywhere else padding never enters a
// pass; a contextual multiplexer needs sequences of one length, and keeps their pads out of what
// others read.

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/checkpoint/spec.h"
#include "harness/model/layer.h"

namespace assay::mux {

/// Sequences of one length, back to back.
struct PaddedBatch {
  std::int64_t sequences = 0, length = 0;
  /// bool [sequences, length]: what attention may look at, somewhere in each sequence; undefined:
  /// everything
  at::Tensor seen = {};
  double hidden_dropout = 0, attention_dropout = 0;
};

/// rows [sequences * length, width] -> likewise, through a layer whose norms stand behind its
/// residuals (BERT's; ELECTRA's is the same). Rows that nobody sees are computed all the same. The
/// layer's attention is a StandardAttention, with a key/value head for each head.
at::Tensor pass_padded(const Layer& layer, const at::Tensor& rows, const PaddedBatch& batch);

/// A layer like those of `spec`, as BERT's training starts: matrices normal with deviation
/// `deviation`, no biases, norms that change nothing.
Layer start_layer(const ModelSpec& spec, double deviation, at::Generator generator);

}  // namespace assay::mux
