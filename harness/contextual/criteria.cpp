#include "harness/contextual/criteria.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

const at::Tensor& needed(const at::Tensor& tensor, const char* what) {
  if (!tensor.defined()) {
    throw std::logic_error(fmt::format("this criterion needs {}, which was not recorded", what));
  }
  return tensor;
}

at::Tensor f64(const at::Tensor& tensor, const char* what) {
  return needed(tensor, what).to(at::kDouble);
}

/// [tokens, heads * head_dim] -> f64 [tokens, heads, head_dim]
at::Tensor by_head(const at::Tensor& rows, const LayerEvidence& evidence, const char* what) {
  const at::Tensor wide = f64(rows, what);
  return wide.view({wide.size(0), evidence.heads, -1});
}

at::Tensor context(const LayerEvidence& e) { return by_head(e.context, e, "the heads' context"); }

at::Tensor context_gradient(const LayerEvidence& e) {
  return by_head(e.context_gradient, e, "the gradient of the heads' context");
}

at::Tensor pre_activation(const LayerEvidence& e) {
  return f64(e.pre_activation, "the pre-activation");
}

at::Tensor pre_activation_gradient(const LayerEvidence& e) {
  return f64(e.pre_activation_gradient, "the gradient of the pre-activation");
}

/// Over tokens and dimensions of a head.
at::Tensor sum_by_head(const at::Tensor& values) { return values.sum(at::IntArrayRef{0, 2}); }

at::Tensor sum_of_rows(const at::Tensor& matrix) { return matrix.sum(1, false, at::kDouble); }

/// Sum over the weights that a neuron has of `part`, which makes f64 [neurons] of one of them.
template <typename Part>
at::Tensor over_weights(const LayerEvidence& evidence, Part part) {
  at::Tensor sum;
  for (const WeightEvidence& one : evidence.weights) {
    // Products of bfloat16 would lose what is summed.
    const at::Tensor weight = needed(one.weight, "W1").to(at::kFloat);
    const at::Tensor value =
        part(weight, needed(one.gradient, "the gradient of W1").to(at::kFloat));
    sum = sum.defined() ? sum.add(value) : value;
  }
  return needed(sum, "W1 and its gradient");
}

// Heads.

at::Tensor head_l2_norm(const LayerEvidence& e) { return sum_by_head(context(e).square()).sqrt(); }

at::Tensor head_plainact(const LayerEvidence& e) {
  return context(e).mul(context_gradient(e)).sum(2).abs().sum(0);
}

at::Tensor head_fisher(const LayerEvidence& e) {
  return context(e).mul(context_gradient(e)).square().mean(0).sum(1);
}

at::Tensor head_grad_norm(const LayerEvidence& e) {
  return sum_by_head(context_gradient(e).square()).sqrt();
}

at::Tensor head_snip(const LayerEvidence& e) {
  const char* what = "the gradient of attention's output";
  if (needed(e.attention_gradient, what).size(1) % e.heads != 0) {
    throw DoesNotApply(fmt::format(
        "criterion 'snip' cuts the {} columns of the residual stream into as many pieces as there "
        "are heads, and layer {} has {} of them; choose 'snip_true'",
        e.attention_gradient.size(1), e.layer, e.heads));
  }
  return sum_by_head(by_head(e.attention_gradient, e, what).abs());
}

at::Tensor head_snip_true(const LayerEvidence& e) { return sum_by_head(context_gradient(e).abs()); }

at::Tensor head_grasp(const LayerEvidence& e) {
  const at::Tensor curvature = by_head(e.context_curvature, e, "the curvature of the context");
  return context(e).mul(curvature).mean(0).sum(1).neg();
}

at::Tensor head_nwot(const LayerEvidence& e) {
  return sum_by_head(context(e).le(0).to(at::kDouble)).log();
}

// Neurons.

at::Tensor neuron_l2_norm(const LayerEvidence& e) {
  return pre_activation(e).square().sum(0).sqrt();
}

at::Tensor neuron_l2_norm_post(const LayerEvidence& e) {
  return f64(e.post_activation, "the activation").square().sum(0).sqrt();
}

at::Tensor neuron_plainact(const LayerEvidence& e) {
  return over_weights(e, [](const at::Tensor& weight, const at::Tensor& gradient) {
    return sum_of_rows(weight.mul(gradient).abs());
  });
}

at::Tensor neuron_fisher(const LayerEvidence& e) {
  return pre_activation(e).mul(pre_activation_gradient(e)).square().mean(0);
}

at::Tensor neuron_grad_norm(const LayerEvidence& e) {
  return over_weights(e,
                      [](const at::Tensor&, const at::Tensor& gradient) {
                        return sum_of_rows(gradient.to(at::kDouble).square());
                      })
      .sqrt();
}

at::Tensor neuron_snip(const LayerEvidence& e) { return pre_activation_gradient(e).abs().sum(0); }

at::Tensor neuron_grasp(const LayerEvidence& e) {
  std::int64_t entries = 0;
  for (const WeightEvidence& one : e.weights) entries += one.weight.size(1);
  const at::Tensor sum = over_weights(e, [](const at::Tensor& weight, const at::Tensor& gradient) {
    return sum_of_rows(weight.mul(gradient));
  });
  return sum.mul(-2.0 / static_cast<double>(entries));
}

at::Tensor neuron_nwot(const LayerEvidence& e) {
  const at::Tensor share = pre_activation(e).le(0).to(at::kDouble).mean(0);
  return at::where(share.gt(0), share.log(), at::zeros_like(share));
}

constexpr EvidenceKind kForward = EvidenceKind::kForward;
constexpr EvidenceKind kGradient = EvidenceKind::kGradient;
constexpr EvidenceKind kCurvature = EvidenceKind::kCurvature;

std::vector<Criterion> table() {
  return {
      {"l2_norm",
       "As released. Heads: L2 norm of the context over tokens and dimensions. Neurons: L2 norm "
       "over tokens of the pre-activation, so that large negative values count as important.",
       kForward, true, true, true, head_l2_norm, neuron_l2_norm},
      {"l2_norm_post",
       "Heads: as l2_norm. Neurons: L2 norm over tokens of what the down projection gets.",
       kForward, true, true, true, head_l2_norm, neuron_l2_norm_post},
      {"plainact",
       "ShadowLLM's choice. Heads: sum over tokens of |sum over dimensions of a * dL/da|. Neurons: "
       "sum over inputs of |W1 * dL/dW1|.",
       kGradient, true, true, true, head_plainact, neuron_plainact},
      {"fisher",
       "Heads: sum over dimensions of the mean over tokens of (a * dL/da)^2. Neurons: mean over "
       "tokens of (z * dL/dz)^2, z the pre-activation.",
       kGradient, true, true, true, head_fisher, neuron_fisher},
      {"grad_norm",
       "Heads: L2 norm of dL/da over tokens and dimensions. Neurons: L2 norm of the neuron's row "
       "of dL/dW1.",
       kGradient, true, true, true, head_grad_norm, neuron_grad_norm},
      {"snip",
       "As released. Heads: sum of |dL/d(attention's output)| over tokens and a piece of the "
       "residual stream; not a score of a head, for a piece of the stream belongs to none. "
       "Neurons: sum over tokens of |dL/dz|.",
       kGradient, true, true, true, head_snip, neuron_snip},
      {"snip_true",
       "Heads: sum over tokens and dimensions of |dL/da|, the head's own. Neurons: as snip.",
       kGradient, true, true, true, head_snip_true, neuron_snip},
      {"grasp",
       "First order as released. Heads: minus the sum over dimensions of the mean over tokens of "
       "a times the gradient of the squared gradient (a second backward pass). Neurons: -2 times "
       "the mean over inputs of W1 * dL/dW1, signed and of first order.",
       kCurvature, true, true, true, head_grasp, neuron_grasp},
      {"nwot",
       "Heads: logarithm of the number of entries of a that are not positive. Neurons: logarithm "
       "of the share of tokens whose pre-activation is not positive, so that the highest score is "
       "that of the least active neuron; 0 where there is no such token.",
       kForward, true, true, true, head_nwot, neuron_nwot},
      {"jacov",
       "Only over many sequences, only heads: -sum of log(v + k) + 1 / (v + k), k = 1e-5, over the "
       "eigenvalues v of the correlations between rows of dL/da, the first 200 whose sum is not 0. "
       "Mostly a function of the number of rows, for the correlations have at most the rank of a "
       "head.",
       kGradient, false, true, false, nullptr, nullptr},
      {"epenas",
       "Only over many sequences, only heads: how much the correlations between the rows of "
       "dL/da that predict a token differ from one answer token to another.",
       kGradient, false, true, false, nullptr, nullptr},
  };
}

using Formula = at::Tensor (*)(const LayerEvidence&);

at::Tensor scored(const Criterion& criterion, Formula formula, const LayerEvidence& evidence,
                  std::int64_t units, const char* what) {
  if (formula == nullptr) {
    throw std::logic_error(
        fmt::format("criterion '{}' has no scores of {} a sequence", criterion.name, what));
  }
  if (units == 0) return at::empty({0}, at::kDouble);
  at::Tensor scores = formula(evidence).to(at::kCPU);
  if (scores.isfinite().all().item<bool>()) return scores;
  throw NonFiniteValue(
      "criterion", fmt::format("criterion '{}' gives a score that is not finite to one of the {} "
                               "of layer {}; choose another criterion, or other sequences",
                               criterion.name, what, evidence.layer));
}

}  // namespace

const std::vector<Criterion>& criteria() {
  static const std::vector<Criterion> all = table();
  return all;
}

const Criterion& criterion_of(const std::string& name) {
  std::vector<std::string> names;
  for (const Criterion& criterion : criteria()) {
    if (name == criterion.name) return criterion;
    names.emplace_back(criterion.name);
  }
  throw UserError(
      fmt::format("there is no criterion '{}'; allowed: {}", name, fmt::join(names, ", ")));
}

at::Tensor head_scores(const Criterion& criterion, const LayerEvidence& evidence) {
  return scored(criterion, criterion.heads, evidence, evidence.heads, "heads");
}

at::Tensor neuron_scores(const Criterion& criterion, const LayerEvidence& evidence) {
  return scored(criterion, criterion.neurons, evidence, evidence.neurons, "neurons");
}

}  // namespace assay
