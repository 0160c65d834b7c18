#include "harness/model/model.h"

#include <ATen/ops/gather.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/model/kernels/head_torch.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/rowwise_torch.h"
#include "harness/model/tensor_cost.h"

namespace assay {
namespace {

void check_tokens(const at::Tensor& tokens, std::int64_t dimensions) {
  if (tokens.dim() == dimensions && tokens.scalar_type() == at::kLong) return;
  throw std::logic_error(fmt::format("tokens must be int64 of {} dimensions", dimensions));
}

std::optional<DenseLinear> copy_of(const std::optional<DenseLinear>& block) {
  if (!block) return std::nullopt;
  const at::Tensor& bias = block->bias();
  return DenseLinear(block->weight().clone(), bias.defined() ? bias.clone() : bias);
}

}  // namespace

at::Tensor Model::embed_at(const at::Tensor& tokens, const at::Tensor& positions) const {
  at::Tensor rows = at::index_select(embedding_, 0, tokens);
  if (project_in_) rows = project_in_->forward(rows);
  if (position_embedding_.defined()) {
    rows.add_(at::index_select(position_embedding_, 0, positions));
  }
  return embedding_norm_.forward(rows);
}

at::Tensor Model::embed(const at::Tensor& tokens) const {
  check_tokens(tokens, 2);
  const StepContext step = uniform_step(tokens.size(0), 0, tokens.size(1));
  return embed_at(tokens.reshape(-1), step.positions);
}

at::Tensor Model::run_one(const Layer& layer, const at::Tensor& rows, StepContext& step) const {
  if (!spec_.pre_norm) {
    const at::Tensor middle =
        layer.attention_norm.forward(layer.attention->forward(rows, step).add(rows));
    return layer.ffn_norm.forward(layer.ffn->forward(middle, step).add(middle));
  }
  const at::Tensor normed = layer.attention_norm.forward(rows);
  const at::Tensor attended = layer.attention->forward(normed, step).add(rows);
  if (!spec_.parallel_residual) {
    return layer.ffn->forward(layer.ffn_norm.forward(attended), step).add(attended);
  }
  const bool shared = !layer.ffn_norm.weight.defined();
  return layer.ffn->forward(shared ? normed : layer.ffn_norm.forward(rows), step).add(attended);
}

at::Tensor Model::run(at::Tensor rows, StepContext& step) const {
  step.observer = observer_;
  step.decisions = decisions_;
  std::map<std::int64_t, Masks> masks;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    step.layer = static_cast<std::int64_t>(i);
    set_masks(step, step.layer, masks);
    rows = run_one(layers_[i], rows, step);
  }
  return finish(rows);
}

at::Tensor Model::finish(const at::Tensor& rows) const { return final_norm_.forward(rows); }

at::Tensor Model::hidden(const at::Tensor& tokens, ActivationRecorder* recorder) const {
  check_tokens(tokens, 2);
  StepContext step = uniform_step(tokens.size(0), 0, tokens.size(1));
  step.recorder = recorder;
  return run(embed_at(tokens.reshape(-1), step.positions), step);
}

at::Tensor Model::hidden_packed(const at::Tensor& tokens, const at::Tensor& positions,
                                const std::vector<Segment>& segments) const {
  check_tokens(tokens, 1);
  check_tokens(positions, 1);
  if (tokens.size(0) == 0) return embedding_.new_empty({0, spec_.width});
  check_positions(positions.max().item<std::int64_t>() + 1);
  StepContext step;
  step.tokens = tokens.size(0);
  step.positions = positions;
  step.segments = &segments;
  set_rotation(step);
  return run(embed_at(tokens, positions), step);
}

at::Tensor Model::hidden_step(const at::Tensor& tokens, KvCache& cache) const {
  check_tokens(tokens, 2);
  if (tokens.size(0) != cache.batch() || cache.length() + tokens.size(1) > cache.capacity()) {
    throw std::logic_error(fmt::format(
        "a step of [{}, {}] tokens does not fit a cache of batch {} with {} of {} tokens used",
        tokens.size(0), tokens.size(1), cache.batch(), cache.length(), cache.capacity()));
  }
  StepContext step = uniform_step(tokens.size(0), cache.length(), tokens.size(1));
  step.cache = &cache;
  // A prompt of one token is a step like any other: there is nothing for a prompt's policy to gain.
  if (tokens.size(1) == 1) step.phase = Phase::kDecode;
  at::Tensor rows = run(embed_at(tokens.reshape(-1), step.positions), step);
  cache.advance(tokens.size(1));
  return rows;
}

at::Tensor Model::logits(const at::Tensor& hidden) const {
  return head_->forward(project_out_ ? project_out_->forward(hidden) : hidden);
}

at::Tensor Model::log_likelihood(const at::Tensor& hidden, const at::Tensor& targets) const {
  const at::Tensor rows = project_out_ ? project_out_->forward(hidden) : hidden;
  if (plain_cpu(rows) && plain_cpu(head_->weight())) {
    return head_log_likelihood(rows, head_->weight(), head_->bias(), targets.contiguous());
  }
  return at::log_softmax(head_->forward(rows), 1, at::kFloat)
      .gather(1, targets.to(rows.device()).unsqueeze(1))
      .squeeze(1);
}

at::Tensor Model::run_layer(const Layer& layer, std::int64_t index, const at::Tensor& rows,
                            std::int64_t batch, ActivationRecorder* recorder) const {
  StepContext step = uniform_step(batch, 0, rows.size(0) / batch);
  step.layer = index;
  step.recorder = recorder;
  std::map<std::int64_t, Masks> masks;
  set_masks(step, index, masks);
  return run_one(layer, rows, step);
}

bool Model::prefill_equals_decode() const {
  return std::all_of(layers_.begin(), layers_.end(),
                     [](const Layer& layer) { return layer.ffn->prefill_equals_decode(); });
}

Model Model::clone() const {
  const auto copied = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.clone() : tensor;
  };
  Model copy;
  copy.spec_ = spec_;
  copy.folder_ = folder_;
  copy.warnings_ = warnings_;
  copy.dtype_ = dtype_;
  copy.device_ = device_;
  copy.embedding_ = copy_on_large_pages(embedding_);
  copy.position_embedding_ = copied(position_embedding_);
  copy.project_in_ = copy_of(project_in_);
  copy.project_out_ = copy_of(project_out_);
  copy.embedding_norm_ = embedding_norm_.clone();
  copy.final_norm_ = final_norm_.clone();
  copy.head_.emplace(spec_.tied_head ? copy.embedding_ : head_->weight().clone(),
                     copied(head_->bias()));
  copy.rope_frequencies_ = rope_frequencies_;
  copy.alibi_ = alibi_;
  for (const Layer& layer : layers_) copy.layers_.push_back(layer.clone());
  return copy;
}

void Model::visit_weights(
    const std::function<void(const std::string& name, const at::Tensor& weight)>& visit) const {
  visit("embedding", embedding_);
  if (position_embedding_.defined()) visit("positions", position_embedding_);
  if (project_in_) visit("project_in", project_in_->weight());
  if (project_out_) visit("project_out", project_out_->weight());
  if (!spec_.tied_head) visit("head", head_->weight());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (const LinearRole role : layers_[i].roles()) {
      const auto* dense = dynamic_cast<const DenseLinear*>(&layers_[i].linear(role));
      if (dense != nullptr) visit(fmt::format("layer.{}.{}", i, role_name(role)), dense->weight());
    }
  }
}

Cost Model::cost() const {
  Cost cost = tensor_cost(embedding_);
  cost.touched_bytes = embedding_.size(1) * embedding_.element_size();
  Cost positions = tensor_cost(position_embedding_);
  if (position_embedding_.defined()) {
    positions.touched_bytes = position_embedding_.size(1) * position_embedding_.element_size();
  }
  cost += positions;
  Cost head = head_->cost();
  if (spec_.tied_head) {
    const Cost stored = tensor_cost(head_->weight());
    head.params -= stored.params;
    head.nonzero -= stored.nonzero;
    head.resident_bytes -= stored.resident_bytes;
  }
  cost += head;
  for (const auto* block : {&project_in_, &project_out_}) {
    if (*block) cost += (*block)->cost();
  }
  cost += embedding_norm_.cost();
  cost += final_norm_.cost();
  for (const Layer& layer : layers_) {
    cost += layer.attention_norm.cost();
    cost += layer.ffn_norm.cost();
    cost += layer.attention->cost();
    cost += layer.ffn->cost();
  }
  return cost;
}

}  // namespace assay
