#include "harness/model/layer_pass.h"

#include <ATen/ops/dropout.h>

namespace assay {
namespace {

/// What a block gave, as it is added to the residual stream.
at::Tensor given(const at::Tensor& rows, const NormBlock& norm, const StepContext& step,
                 const LayerForm& form) {
  const at::Tensor out = norm.forward(drop_hidden(rows, step));
  return form.residual_scale == 1 ? out : out.mul(form.residual_scale);
}

/// What attention makes of rows, which are the stream or its norm.
at::Tensor attended(const Layer& layer, const at::Tensor& rows, const at::Tensor& stream,
                    StepContext& step, const LayerForm& form) {
  step.stream = stream;
  step.record(Tap::kAttentionStream, stream);
  return given(layer.attention->forward(rows, step), layer.attention_out_norm, step, form);
}

at::Tensor fed_forward(const Layer& layer, const at::Tensor& rows, const at::Tensor& stream,
                       StepContext& step, const LayerForm& form) {
  step.stream = stream;
  step.record(Tap::kFfnStream, stream);
  return given(layer.ffn->forward(rows, step), layer.ffn_out_norm, step, form);
}

at::Tensor only(const at::Tensor& tensor, const at::Tensor& rows) {
  return tensor.defined() ? tensor.index_select(0, rows) : tensor;
}

/// A step in which these rows are all there is, for blocks that take each row alone.
StepContext step_of(const StepContext& whole, const at::Tensor& rows) {
  StepContext step = whole;
  step.batch = 1;
  step.tokens = rows.size(0);
  step.positions = only(whole.positions, rows);
  step.token_types = only(whole.token_types, rows);
  step.prompt = only(whole.prompt, rows);
  step.rope_cos = only(whole.rope_cos, rows);
  step.rope_sin = only(whole.rope_sin, rows);
  step.visibility.segments = nullptr;
  step.seen = {};
  return step;
}

/// The second half of a layer, on rows after attention and its residual.
at::Tensor finished(const Layer& layer, const at::Tensor& rows, StepContext& step,
                    const LayerForm& form) {
  if (!layer.ffn) return rows;
  if (!form.pre_norm) {
    return layer.ffn_norm.forward(fed_forward(layer, rows, rows, step, form).add(rows));
  }
  return fed_forward(layer, layer.ffn_norm.forward(rows), rows, step, form).add(rows);
}

/// The first half. A missing block leaves rows as they are.
at::Tensor with_attention(const Layer& layer, const at::Tensor& rows, StepContext& step,
                          const LayerForm& form) {
  if (!layer.attention) return rows;
  if (!form.pre_norm) {
    return layer.attention_norm.forward(attended(layer, rows, rows, step, form).add(rows));
  }
  return attended(layer, layer.attention_norm.forward(rows), rows, step, form).add(rows);
}

at::Tensor run_parallel(const Layer& layer, const at::Tensor& rows, StepContext& step,
                        const LayerForm& form) {
  const at::Tensor normed = layer.attention_norm.forward(rows);
  at::Tensor sum = rows;
  if (layer.attention) sum = attended(layer, normed, rows, step, form).add(rows);
  if (!layer.ffn) return sum;
  const bool shared = !layer.ffn_norm.is_there();
  const at::Tensor read = shared ? normed : layer.ffn_norm.forward(rows);
  return fed_forward(layer, read, rows, step, form).add(sum);
}

}  // namespace

LayerForm layer_form(const ModelSpec& spec) {
  return {.pre_norm = spec.pre_norm,
          .parallel = spec.parallel_residual,
          .residual_scale = spec.residual_scale};
}

at::Tensor drop_hidden(const at::Tensor& rows, const StepContext& step) {
  return step.hidden_dropout > 0 ? at::dropout(rows, step.hidden_dropout, true) : rows;
}

at::Tensor rows_of(const at::Tensor& rows, const at::Tensor& wanted) {
  return wanted.defined() ? rows.index_select(0, wanted) : rows;
}

at::Tensor pass_layer(const Layer& layer, const at::Tensor& rows, StepContext& step,
                      const LayerForm& form, const at::Tensor& wanted) {
  if (form.pre_norm && form.parallel) return rows_of(run_parallel(layer, rows, step, form), wanted);
  const at::Tensor middle = with_attention(layer, rows, step, form);
  if (!wanted.defined()) return finished(layer, middle, step, form);
  StepContext fewer = step_of(step, wanted);
  return finished(layer, rows_of(middle, wanted), fewer, form);
}

}  // namespace assay
