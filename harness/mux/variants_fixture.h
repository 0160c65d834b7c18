#pragma once
// Test support: small multiplexed encoders whose weights come from the formula of
// scripts/golden/mux_variant_goldens.py.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/encoder_golden.h"
#include "harness/mux/contextual_multiplexer.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"
#include "harness/mux/prefix_demultiplexer.h"
#include "tests/support/formula.h"

namespace assay::mux {

inline constexpr PrefixTokens kGoldenPrefix{.filler = 60, .first_mark = 68, .classified = 69};

struct Variant {
  std::int64_t instances = 2;
  bool contextual = false, prefix = false;
};

inline Model small_encoder() { return Model::load(encoder_folder() / "bert_model", {}); }

inline at::Tensor keys_of(std::int64_t instances, std::int64_t width) {
  const at::Tensor raw = formula(instances, width, 1.7, 0.9, 1, 0.3);
  return raw / raw.norm(2, 1, true) * 4;
}

/// The golden's weights; see the script for their numbers.
inline Layer formula_layer(const ModelSpec& spec, std::int64_t first) {
  Layer layer = start_layer(spec, 1, at::make_generator<at::CPUGeneratorImpl>(1));
  const std::map<std::string, std::int64_t> numbers = {{"q", 0},
                                                       {"k", 2},
                                                       {"v", 4},
                                                       {"o", 6},
                                                       {"up", 8},
                                                       {"down", 10},
                                                       {"attention_norm", 12},
                                                       {"ffn_norm", 14}};
  layer.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    const std::string part = name.substr(0, name.find('.'));
    const bool bias = name.ends_with("bias"), matrix = tensor.dim() == 2;
    const auto number = static_cast<double>(first + numbers.at(part) + (bias ? 1 : 0));
    tensor = formula(matrix ? tensor.size(0) : 1, tensor.size(-1), 0.31 + 0.07 * number,
                     0.17 + 0.05 * number, matrix ? 0.3 : 0.1, 0.2 * number)
                 .view_as(tensor);
    if (part.ends_with("norm") && !bias) tensor = tensor + 1;
  });
  return layer;
}

inline std::unique_ptr<Multiplexer> multiplexer_of(const Variant& variant, const ModelSpec& spec) {
  at::Tensor keys = keys_of(variant.instances, spec.width);
  if (!variant.contextual) return std::make_unique<HadamardMultiplexer>(std::move(keys));
  return std::make_unique<ContextualMultiplexer>(
      ContextualMuxTensors{std::move(keys), formula_layer(spec, 0), formula_layer(spec, 100)});
}

inline std::unique_ptr<Demultiplexer> demultiplexer_of(const Variant& variant, std::int64_t width) {
  const auto plain = [&](at::Tensor weight) {
    return DenseLinear(std::move(weight), at::zeros({width}));
  };
  const NormBlock norm{.eps = 1e-12, .weight = at::ones({width}), .bias = at::zeros({width})};
  if (variant.prefix) {
    return std::make_unique<PrefixDemultiplexer>(
        variant.instances,
        PrefixDemuxTensors{plain(formula(width, 2 * width, .43, .19, .2, .6)), norm});
  }
  return std::make_unique<IndexDemultiplexer>(
      IndexDemuxTensors{.keys = formula(variant.instances, width, 0.83, 0.41, 1, 0.7),
                        .dense = {plain(formula(width, 2 * width, 0.37, 0.11, 0.2)),
                                  plain(formula(width, width, 0.31, 0.13, 0.2, 0.2)),
                                  plain(formula(width, width, 0.29, 0.17, 0.2, 0.4))},
                        .norm = norm});
}

inline Model small_mux(const Variant& variant, bool ensemble = false) {
  Model model = small_encoder();
  const std::int64_t width = model.spec().width;
  MuxForm form{.ensemble = ensemble};
  if (variant.prefix) {
    form.prefix = kGoldenPrefix;
    form.positions = model.spec().max_positions;
  }
  model.replace_input(std::make_unique<MuxInput>(dynamic_cast<const EmbeddingInput&>(model.input()),
                                                 multiplexer_of(variant, model.spec()), form));
  model.replace_output(
      std::make_unique<MuxClassifier>(
          demultiplexer_of(variant, width),
          DenseLinear(formula(3, width, 0.53, 0.07, 0.3, 0.9), at::zeros({3})), ensemble),
      {.kind = OutputKind::kClassifier, .classes = 3, .labels = {}});
  return model;
}

inline const std::vector<Variant> kVariants = {
    {.contextual = true}, {.prefix = true}, {.instances = 3, .contextual = true, .prefix = true}};

inline at::Tensor tokens_of(std::int64_t sequences, std::int64_t length) {
  return (at::arange(sequences * length, at::kLong) * 7).remainder(50).view({sequences, length});
}

/// Over its mean and deviation.
inline at::Tensor normed(const at::Tensor& x, double eps) {
  return (x - x.mean()) / (x.var(0, false) + eps).sqrt();
}

}  // namespace assay::mux
