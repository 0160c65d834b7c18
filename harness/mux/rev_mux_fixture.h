#pragma once
// Test support: small RevMUX encoders, and what they compute in loops over sequences, positions and
// instances.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/encoder_golden.h"
#include "harness/mux/rev_mux_input.h"
#include "harness/mux/rev_mux_output.h"

namespace assay::mux {

struct Form {
  std::int64_t instances = 2, unmixed = 1;
  bool twice = true, pooler = true;
  std::uint64_t seed = 3;
};

inline const std::vector<Form> kForms = {{},
                                         {.unmixed = 0},
                                         {.instances = 4, .unmixed = 1, .twice = false},
                                         {.instances = 1, .unmixed = 1, .pooler = false}};

inline Model small_encoder() { return Model::load(encoder_folder() / "bert_model", {}); }

/// Weights large enough that every part has a say.
inline void enlarge(const DenseLinear& linear, double factor) {
  linear.weight().mul_(factor);
  if (linear.bias().defined()) linear.bias().add_(0.1);
}

inline RevMuxHead head_of(const Model& model, const Form& form, std::shared_ptr<SharedChain> chain,
                          const at::Generator& generator) {
  const std::int64_t width = model.spec().width;
  std::optional<DenseLinear> pooler;
  if (form.pooler) {
    pooler.emplace(at::empty({width, width}).normal_(0, 0.3, generator),
                   at::empty({width}).normal_(0, 0.3, generator));
  }
  return {.chain = std::move(chain),
          .up = start_up_projection(width / form.instances, width, 0.2, generator),
          .pooler = std::move(pooler),
          .classifier = {at::empty({3, width}).normal_(0, 0.3, generator), at::zeros({3})}};
}

/// An encoder whose first layers run sequence by sequence, with adapters of a formula.
inline Model small_rev(const Form& form) {
  Model model = small_encoder();
  const std::int64_t width = model.spec().width;
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(form.seed);
  std::vector<CouplingNet> nets = start_coupling_nets(form.instances, width, generator);
  for (const CouplingNet& net : nets) enlarge(net.widen, 2), enlarge(net.narrow, 3);
  const auto chain = std::make_shared<SharedChain>(CouplingChain(std::move(nets)));
  auto output = std::make_unique<RevMuxOutput>(head_of(model, form, chain, generator));
  std::vector<Layer> unmixed;
  for (std::int64_t l = 0; l < form.unmixed; ++l) {
    unmixed.push_back(std::move(model.layers().front()));
    model.drop_layer(0);
  }
  model.replace_input(std::make_unique<RevMuxInput>(
      RevMuxParts{dynamic_cast<const EmbeddingInput&>(model.input()), std::move(unmixed),
                  start_uniform_linear(width / form.instances, width, generator), chain},
      RevMuxForm{.places_twice = form.twice}));
  model.replace_output(std::move(output), {.kind = OutputKind::kClassifier,
                                           .classes = 3,
                                           .labels = {},
                                           .pooler_width = form.pooler ? width : 0});
  return model;
}

/// The published arithmetic, position by position, with the tensors of a model by their names.
class Naive {
 public:
  explicit Naive(const Model& model, const Form& form)
      : form_(form), mixed_layers_(model.layer_count()), heads_(model.spec().shape.heads) {
    eps_ = model.spec().norm_eps;
    for (const Parameter& parameter : model.parameters()) {
      tensors_[parameter.name] = parameter.tensor;
    }
  }

  /// Tokens and types of each sequence -> [sequences, classes]
  [[nodiscard]] at::Tensor scores(const std::vector<at::Tensor>& tokens,
                                  const std::vector<at::Tensor>& types) const {
    std::int64_t length = 0;
    for (const at::Tensor& one : tokens) length = std::max(length, one.size(0));
    const auto given = static_cast<std::int64_t>(tokens.size()), n = form_.instances;
    std::vector<at::Tensor> scores;
    for (std::int64_t first = 0; first < given; first += n) {
      std::vector<at::Tensor> parts;
      for (std::int64_t i = first; i < first + n; ++i) {
        const auto which = static_cast<std::size_t>(i % given);
        parts.push_back(part(tokens[which], types[which], length));
      }
      for (const at::Tensor& one : group_scores(parts)) scores.push_back(one);
    }
    scores.resize(static_cast<std::size_t>(given));
    return at::stack(scores);
  }

 private:
  [[nodiscard]] const at::Tensor& of(const std::string& name) const { return tensors_.at(name); }
  [[nodiscard]] at::Tensor linear(const std::string& name, const at::Tensor& row) const {
    return of(name + ".weight").mv(row) + of(name + ".bias");
  }
  [[nodiscard]] at::Tensor norm(const std::string& name, const at::Tensor& row) const {
    const at::Tensor centred = (row - row.mean()) / (row.var(0, false) + eps_).sqrt();
    return centred * of(name + ".weight") + of(name + ".bias");
  }
  [[nodiscard]] at::Tensor placed(const at::Tensor& row, std::int64_t position,
                                  std::int64_t type) const {
    return norm("embedding_norm",
                row + of("positions.weight")[position] + of("token_types.weight")[type]);
  }

  /// Rows of one sequence; those up to `seen` are looked at.
  [[nodiscard]] std::vector<at::Tensor> layer(const std::string& name,
                                              const std::vector<at::Tensor>& rows,
                                              std::int64_t seen) const {
    std::vector<at::Tensor> q, k, v, out;
    for (const at::Tensor& row : rows) {
      q.push_back(linear(name + "q", row));
      k.push_back(linear(name + "k", row));
      v.push_back(linear(name + "v", row));
    }
    const std::int64_t size = q.front().size(0) / heads_;
    for (std::size_t t = 0; t < rows.size(); ++t) {
      std::vector<at::Tensor> context;
      for (std::int64_t h = 0; h < heads_; ++h) {
        at::Tensor sum = at::zeros({size});
        double all = 0;
        for (std::int64_t s = 0; s < seen; ++s) {
          const auto at = static_cast<std::size_t>(s);
          const double weight = std::exp(
              q[t].narrow(0, h * size, size).dot(k[at].narrow(0, h * size, size)).item<double>() /
              std::sqrt(static_cast<double>(size)));
          sum += v[at].narrow(0, h * size, size) * weight;
          all += weight;
        }
        context.push_back(sum / all);
      }
      const at::Tensor middle =
          norm(name + "attention_norm", rows[t] + linear(name + "o", at::cat(context)));
      out.push_back(norm(name + "ffn_norm",
                         middle + linear(name + "down", at::gelu(linear(name + "up", middle)))));
    }
    return out;
  }

  /// [length, width / N]
  [[nodiscard]] at::Tensor part(const at::Tensor& tokens, const at::Tensor& types,
                                std::int64_t length) const {
    std::vector<at::Tensor> rows;
    for (std::int64_t p = 0; p < length; ++p) {
      const bool real = p < tokens.size(0);
      const std::int64_t token = real ? tokens[p].item<std::int64_t>() : 0;
      rows.push_back(
          placed(of("embedding.weight")[token], p, real ? types[p].item<std::int64_t>() : 0));
    }
    for (std::int64_t l = 0; l < form_.unmixed; ++l) {
      rows = layer("layer.unmixed." + std::to_string(l) + ".", rows, tokens.size(0));
    }
    for (at::Tensor& row : rows) row = linear("rev.down", row);
    return at::stack(rows);
  }

  [[nodiscard]] at::Tensor net(std::int64_t number, const at::Tensor& row) const {
    const std::string name = "rev.chain." + std::to_string(number);
    return linear(name + ".narrow", linear(name + ".widen", row).clamp_min(0)).clamp_min(0);
  }

  /// x'_i = x_i + f(x'_(i-1)) from the last instance to the first; the last one's partner is the
  /// one before it.
  [[nodiscard]] at::Tensor mixed(const std::vector<at::Tensor>& x) const {
    const auto n = static_cast<std::int64_t>(x.size());
    if (n == 1) return x.front();
    std::vector<at::Tensor> y;
    for (std::int64_t i = n - 1; i >= 0; --i) {
      const at::Tensor& partner = y.empty() ? x[static_cast<std::size_t>(n - 2)] : y.back();
      y.push_back(x[static_cast<std::size_t>(i)] + net(n - 1 - i, partner));
    }
    return at::cat(y);
  }

  [[nodiscard]] std::vector<at::Tensor> unmixed(const at::Tensor& row) const {
    const std::int64_t n = form_.instances, size = row.size(0) / n;
    if (n == 1) return {row};
    const auto y = [&](std::int64_t j) { return row.narrow(0, j * size, size); };
    std::vector<at::Tensor> x(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i + 1 < n; ++i) {
      x[static_cast<std::size_t>(i)] = y(n - 1 - i) - net(n - 1 - i, y(n - 2 - i));
    }
    x.back() = y(0) - net(0, x[static_cast<std::size_t>(n - 2)]);
    return x;
  }

  [[nodiscard]] std::vector<at::Tensor> group_scores(const std::vector<at::Tensor>& parts) const {
    std::vector<at::Tensor> rows;
    for (std::int64_t p = 0; p < parts.front().size(0); ++p) {
      std::vector<at::Tensor> x;
      x.reserve(parts.size());
      for (const at::Tensor& part : parts) x.push_back(part[p]);
      rows.push_back(form_.twice ? placed(mixed(x), p, 0) : mixed(x));
    }
    for (std::int64_t l = 0; l < mixed_layers_; ++l) {
      rows = layer("layer." + std::to_string(l) + ".", rows, std::ssize(rows));
    }
    const at::Tensor read = form_.pooler ? linear("pooler", rows.front()).tanh() : rows.front();
    std::vector<at::Tensor> scores;
    for (at::Tensor told : unmixed(read)) {
      told = linear("rev.up.0", told).clamp_min(0);
      told = linear("rev.up.1", told).clamp_min(0);
      scores.push_back(linear("head", linear("rev.up.2", told)));
    }
    return scores;
  }

  Form form_;
  std::int64_t mixed_layers_, heads_;
  double eps_ = 0;
  std::map<std::string, at::Tensor> tensors_;
};

inline at::Tensor tokens_of(std::int64_t sequences, std::int64_t length) {
  return (at::arange(sequences * length, at::kLong) * 7).remainder(50).view({sequences, length});
}

}  // namespace assay::mux
