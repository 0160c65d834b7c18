#include "harness/contextual/evidence.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/model/wrapped.h"

namespace assay {
namespace {

/// Puts what blocks show where the evidence has a place for it.
class EvidenceRecorder final : public ActivationRecorder {
 public:
  /// A pass without a graph may write over what it showed, so that it is copied.
  explicit EvidenceRecorder(std::vector<LayerEvidence>& layers, bool copy)
      : layers_(layers), outputs_(layers.size()), copy_(copy) {}

  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    LayerEvidence& evidence = layers_[static_cast<std::size_t>(layer)];
    if (tap == Tap::kOutInput) evidence.context = kept(rows);
    if (tap == Tap::kPreActivation) evidence.pre_activation = kept(rows);
    if (tap == Tap::kDownInput) evidence.post_activation = kept(rows);
  }
  void record_attention_output(std::int64_t layer, const at::Tensor& rows) {
    outputs_[static_cast<std::size_t>(layer)] = kept(rows);
  }
  [[nodiscard]] const std::vector<at::Tensor>& attention_outputs() const { return outputs_; }

 private:
  [[nodiscard]] at::Tensor kept(const at::Tensor& rows) const {
    return copy_ ? rows.clone() : rows;
  }
  std::vector<LayerEvidence>& layers_;
  std::vector<at::Tensor> outputs_;
  bool copy_;
};

/// Shows its output as well, for which there is no tap.
class ShownAttention final : public WrappedAttention {
 public:
  explicit ShownAttention(std::unique_ptr<Attention> inner) : WrappedAttention(std::move(inner)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    at::Tensor output = inner().forward(rows, step);
    if (auto* recorder = dynamic_cast<EvidenceRecorder*>(step.recorder)) {
      recorder->record_attention_output(step.layer, output);
    }
    return output;
  }

 protected:
  [[nodiscard]] std::unique_ptr<Attention> wrap(std::unique_ptr<Attention> inner) const override {
    return std::make_unique<ShownAttention>(std::move(inner));
  }
};

/// Attention computed by operators that can be differentiated twice: the fused kernels cannot.
class PlainAttention {
 public:
  PlainAttention() { use(false, false, false); }
  ~PlainAttention() { use(flash_, efficient_, cudnn_); }
  PlainAttention(const PlainAttention&) = delete;
  PlainAttention& operator=(const PlainAttention&) = delete;

 private:
  static void use(bool flash, bool efficient, bool cudnn) {
    at::globalContext().setSDPUseFlash(flash);
    at::globalContext().setSDPUseMemEfficient(efficient);
    at::globalContext().setSDPUseCuDNN(cudnn);
  }
  bool flash_ = at::globalContext().userEnabledFlashSDP();
  bool efficient_ = at::globalContext().userEnabledMemEfficientSDP();
  bool cudnn_ = at::globalContext().userEnabledCuDNNSDP();
};

/// Detached tensors have flags of their own over the same memory.
Layer shared_layer(const Layer& layer) {
  Layer twin = layer.without_blocks();
  if (layer.attention) twin.attention = std::make_unique<ShownAttention>(layer.attention->share());
  if (layer.ffn) twin.ffn = layer.ffn->share();
  twin.visit_tensors([](const std::string& name, at::Tensor& tensor) {
    const bool is_w1 = name == "gate.weight" || name == "up.weight";
    tensor = tensor.detach();
    if (is_w1 && tensor.is_floating_point()) tensor.requires_grad_(true);
  });
  return twin;
}

std::vector<WeightEvidence> weights_of(const Layer& layer) {
  std::vector<WeightEvidence> weights;
  if (!layer.ffn) return weights;
  if (layer.find(Slot::kGate) != nullptr)
    weights.push_back({layer.dense(Slot::kGate).weight(), {}});
  weights.push_back({layer.dense(Slot::kUp).weight(), {}});
  return weights;
}

std::vector<LayerEvidence> places_for(const Model& model, const std::vector<Layer>& layers) {
  std::vector<LayerEvidence> evidence(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    evidence[i].layer = index;
    if (layers[i].attention) evidence[i].heads = model.spec().layer(index).heads;
    if (layers[i].ffn) evidence[i].neurons = model.spec().layer(index).ffn_width;
  }
  return evidence;
}

void check(const at::Tensor& tokens, const at::Tensor& scored) {
  const bool fits = tokens.dim() == 1 && tokens.scalar_type() == at::kLong && scored.dim() == 1 &&
                    scored.scalar_type() == at::kBool && scored.size(0) == tokens.size(0) &&
                    tokens.size(0) > 1;
  if (!fits || scored[0].item<bool>() || !scored.any().item<bool>()) {
    throw std::logic_error(
        "evidence needs tokens int64 [n] and bool [n], which of them are scored: one at least, and "
        "not the first");
  }
}

/// Blocks that a method put there need not tell anything.
void require_shown(const std::vector<LayerEvidence>& layers) {
  for (const LayerEvidence& layer : layers) {
    const bool attention = layer.heads == 0 || layer.context.defined();
    const bool ffn =
        layer.neurons == 0 || (layer.pre_activation.defined() && layer.post_activation.defined());
    if (attention && ffn) continue;
    throw DoesNotApply(fmt::format(
        "a method before this one replaced the {} of layer {}, and the block there does not show "
        "its activations; apply this one first, or leave one of them out",
        attention ? "FFN" : "attention", layer.layer));
  }
}

/// Something to differentiate by, and where its gradient goes.
struct Wanted {
  at::Tensor variable;
  at::Tensor* gradient;
};

std::vector<Wanted> first_derivatives(std::vector<LayerEvidence>& layers,
                                      const std::vector<at::Tensor>& outputs) {
  std::vector<Wanted> wanted;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    LayerEvidence& layer = layers[i];
    if (layer.heads > 0) {
      wanted.push_back({layer.context, &layer.context_gradient});
      wanted.push_back({outputs[i], &layer.attention_gradient});
    }
    if (layer.neurons > 0) wanted.push_back({layer.pre_activation, &layer.pre_activation_gradient});
    for (WeightEvidence& one : layer.weights) wanted.push_back({one.weight, &one.gradient});
  }
  return wanted;
}

void differentiate(const at::Tensor& scalar, const std::vector<Wanted>& wanted, bool again) {
  std::vector<at::Tensor> variables;
  variables.reserve(wanted.size());
  for (const Wanted& one : wanted) variables.push_back(one.variable);
  const std::vector<at::Tensor> gradients =
      torch::autograd::grad({scalar}, variables, {}, again, again, /*allow_unused=*/true);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    *wanted[i].gradient =
        gradients[i].defined() ? gradients[i] : at::zeros_like(wanted[i].variable);
  }
}

/// Mean over the entries of W1 of G0 * G; gate and up are one matrix here.
at::Tensor weight_term(const LayerEvidence& layer) {
  at::Tensor sum;
  std::int64_t entries = 0;
  for (const WeightEvidence& one : layer.weights) {
    const at::Tensor product = one.gradient.detach().mul(one.gradient).sum();
    sum = sum.defined() ? sum.add(product) : product;
    entries += one.gradient.numel();
  }
  return sum.div(entries);
}

/// What the released code differentiates a second time.
at::Tensor squared_gradients(const std::vector<LayerEvidence>& layers) {
  std::vector<at::Tensor> terms;
  for (const LayerEvidence& layer : layers) {
    const at::Tensor& g = layer.context_gradient;
    if (layer.heads > 0) terms.push_back(g.detach().mul(g).mean());
    if (!layer.weights.empty()) terms.push_back(weight_term(layer));
  }
  at::Tensor sum = terms.front();
  for (std::size_t i = 1; i < terms.size(); ++i) sum = sum.add(terms[i]);
  return sum;
}

void add_curvature(std::vector<LayerEvidence>& layers) {
  std::vector<Wanted> wanted;
  for (LayerEvidence& layer : layers) {
    if (layer.heads > 0) wanted.push_back({layer.context, &layer.context_curvature});
  }
  if (!wanted.empty()) differentiate(squared_gradients(layers), wanted, false);
}

void drop_graph(at::Tensor& tensor) {
  if (tensor.defined()) tensor = tensor.detach();
}

void drop_graphs(std::vector<LayerEvidence>& layers) {
  for (LayerEvidence& layer : layers) {
    for (at::Tensor* tensor :
         {&layer.context, &layer.context_gradient, &layer.attention_gradient, &layer.pre_activation,
          &layer.pre_activation_gradient, &layer.post_activation, &layer.context_curvature}) {
      drop_graph(*tensor);
    }
    for (WeightEvidence& one : layer.weights) {
      drop_graph(one.weight);
      drop_graph(one.gradient);
    }
  }
}

/// Rows after the last layer, of one sequence whose embedded rows these are.
at::Tensor passed(const Model& model, const std::vector<Layer>& layers, at::Tensor rows,
                  EvidenceRecorder& recorder) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    rows = model.run_layer(layers[i], static_cast<std::int64_t>(i), rows, 1, &recorder);
  }
  return rows;
}

/// Over the tokens at `places` of the row that stands before each.
at::Tensor loss_of(const Model& model, const at::Tensor& rows, const at::Tensor& tokens,
                   const at::Tensor& scored) {
  const at::Tensor places = scored.nonzero().squeeze(1).to(model.device());
  const at::Tensor before = model.finish(rows).index_select(0, places.sub(1));
  return model.log_likelihood(before, tokens.index_select(0, places)).mean().neg();
}

void collect_forward(const Model& model, const std::vector<Layer>& layers, const at::Tensor& tokens,
                     SequenceEvidence& evidence) {
  const at::NoGradGuard guard;
  EvidenceRecorder recorder(evidence.layers, /*copy=*/true);
  (void)passed(model, layers, model.embed(tokens.unsqueeze(0)), recorder);
  require_shown(evidence.layers);
}

void collect_gradients(const Model& model, const std::vector<Layer>& layers,
                       const at::Tensor& tokens, bool curvature, SequenceEvidence& evidence) {
  const at::AutoGradMode guard(true);
  EvidenceRecorder recorder(evidence.layers, /*copy=*/false);
  const at::Tensor embedded = model.embed(tokens.unsqueeze(0)).detach().requires_grad_(true);
  const at::Tensor rows = passed(model, layers, embedded, recorder);
  require_shown(evidence.layers);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    evidence.layers[i].weights = weights_of(layers[i]);
  }
  const at::Tensor loss = loss_of(model, rows, tokens, evidence.scored);
  evidence.loss = loss.item<double>();
  differentiate(loss, first_derivatives(evidence.layers, recorder.attention_outputs()), curvature);
  if (curvature) add_curvature(evidence.layers);
  drop_graphs(evidence.layers);
}

}  // namespace

at::Tensor answer_positions(std::int64_t tokens, std::int64_t context_tokens) {
  if (context_tokens < 1 || context_tokens >= tokens) {
    throw std::logic_error(fmt::format("of {} tokens, at least one and not all are context, not {}",
                                       tokens, context_tokens));
  }
  return at::arange(tokens, at::kLong).ge(context_tokens);
}

at::Tensor text_positions(std::int64_t tokens) { return answer_positions(tokens, 1); }

EvidenceSource::EvidenceSource(const Model& model) : model_(model) {
  if (!model.spec().causal || model.output().reads() != Output::Reads::kTokens) {
    throw DoesNotApply(fmt::format(
        "importance is measured by the loss of the next token, and this {} model does not predict "
        "one",
        model.spec().family));
  }
  const c10::InferenceMode plain(false);
  for (const Layer& layer : model.layers()) layers_.push_back(shared_layer(layer));
}

SequenceEvidence EvidenceSource::collect(const at::Tensor& tokens, const at::Tensor& scored,
                                         EvidenceKind kind) const {
  check(tokens, scored);
  const c10::InferenceMode plain(false);
  SequenceEvidence evidence{
      tokens.to(at::kCPU), scored.to(at::kCPU), {}, places_for(model_, layers_)};
  const at::Tensor placed = tokens.to(model_.device());
  if (kind == EvidenceKind::kForward) {
    collect_forward(model_, layers_, placed, evidence);
    return evidence;
  }
  std::optional<PlainAttention> twice;
  if (kind == EvidenceKind::kCurvature) twice.emplace();
  collect_gradients(model_, layers_, placed, kind == EvidenceKind::kCurvature, evidence);
  return evidence;
}

}  // namespace assay
