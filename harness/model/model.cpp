#include "harness/model/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/model/added_bias.h"
#include "harness/model/layer_pass.h"
#include "harness/model/layer_rotation.h"
#include "harness/model/mixing_input.h"
#include "harness/model/visibility.h"

namespace assay {
namespace {

/// The tensor with the chosen places of every dimension that grows with the model's width.
at::Tensor selected_where_wider(at::Tensor tensor, const std::string& name, const ModelSpec& spec,
                                const ModelSpec& wider, const at::Tensor& kept) {
  const std::optional<ParameterId> id = parameter_from_name(name);
  if (!id) {
    throw DoesNotApply("a method before this one left " + name +
                       ", and the hidden width cannot be cut there; apply this one first");
  }
  const std::vector<std::int64_t> now = shape_of(spec, *id), then = shape_of(wider, *id);
  for (std::size_t d = 0; d < now.size(); ++d) {
    if (now[d] != then[d]) tensor = at::index_select(tensor, static_cast<std::int64_t>(d), kept);
  }
  return tensor;
}

void check_tokens(const at::Tensor& tokens, std::int64_t dimensions) {
  if (tokens.dim() == dimensions && tokens.scalar_type() == at::kLong) return;
  throw std::logic_error(fmt::format("tokens must be int64 of {} dimensions", dimensions));
}

}  // namespace

void Model::check_positions(std::int64_t end) const {
  if (spec_.positions == PositionKind::kRotary || end <= spec_.max_positions) return;
  throw DoesNotApply(
      fmt::format("a sequence of {} tokens is longer than the {} positions of this {} model; "
                  "choose a shorter window",
                  end, spec_.max_positions, spec_.family));
}

StepContext Model::uniform_step(std::int64_t batch, std::int64_t begin, std::int64_t tokens) const {
  check_positions(begin + tokens);
  StepContext step;
  step.batch = batch;
  step.tokens = tokens;
  step.end = begin + tokens;
  step.visibility.causal = spec_.causal;
  step.positions = at::arange(begin, begin + tokens, at::TensorOptions(at::kLong).device(device_));
  if (batch > 1) step.positions = step.positions.repeat({batch});
  rotary_.set_angles(step);
  return step;
}

at::Tensor Model::run_one(const Layer& layer, const at::Tensor& rows, StepContext& step,
                          const at::Tensor& wanted) const {
  const LayerForm form = layer_form(spec_);
  if (may_leave_out(step)) return pass_layer(layer, rows, step, form, wanted);
  return rows_of(pass_layer(layer, rows, step, form), wanted);
}

bool Model::may_leave_out(const StepContext& step) const {
  return step.recorder == nullptr && step.observer == nullptr && step.routing == nullptr &&
         !dropout_;
}

at::Tensor Model::run(const at::Tensor& tokens, StepContext& step, const at::Tensor& wanted) const {
  PassState state;
  step.state = &state;
  step.observer = observer_;
  if (observer_ != nullptr) observer_->begin_pass();
  step.routing = routing_;
  if (dropout_) {
    step.hidden_dropout = spec_.hidden_dropout;
    step.attention_dropout = spec_.attention_dropout;
  }
  at::Tensor rows = drop_hidden(input_->forward(tokens, step), step);
  const at::Tensor last_wanted = wanted_of(*input_, step, wanted);
  SeenByWindow seen(step, alibi_);
  LayerRotation rotation(spec_, window_rotary_, step);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    step.layer = static_cast<std::int64_t>(i);
    step.seen = seen.of(window_of(spec_, step.layer));
    rotation.set(step, step.layer);
    const bool last = i + 1 == layers_.size();
    rows = run_one(layers_[i], rows, step, last ? last_wanted : at::Tensor());
  }
  return finish(layers_.empty() ? rows_of(rows, last_wanted) : rows);
}

at::Tensor Model::finish(const at::Tensor& rows) const { return final_norm_.forward(rows); }

at::Tensor Model::embed(const at::Tensor& tokens) const {
  check_tokens(tokens, 2);
  if (mixes_sequences(*input_)) {
    throw DoesNotApply(
        "this model runs several sequences as one, and what is measured layer by layer needs each "
        "by itself; let the method that mixes them come last");
  }
  StepContext step = uniform_step(tokens.size(0), 0, tokens.size(1));
  return input_->forward(tokens.reshape(-1), step);
}

at::Tensor Model::hidden(const at::Tensor& tokens, ActivationRecorder* recorder,
                         std::optional<std::int64_t> prompt) const {
  check_tokens(tokens, 2);
  StepContext step = uniform_step(tokens.size(0), 0, tokens.size(1));
  step.recorder = recorder;
  if (prompt) step.prompt = step.positions.lt(*prompt);
  return run(tokens.reshape(-1), step);
}

StepContext Model::packed_step(const PackedTokens& packed) const {
  check_tokens(packed.tokens, 1);
  check_tokens(packed.positions, 1);
  check_positions(packed.positions.max().item<std::int64_t>() + 1);
  StepContext step;
  step.tokens = packed.tokens.size(0);
  step.positions = packed.positions;
  step.token_types = packed.token_types;
  step.prompt = packed.prompt;
  step.visibility = {spec_.causal, &packed.segments};
  rotary_.set_angles(step);
  return step;
}

at::Tensor Model::hidden_packed(const PackedTokens& packed, ActivationRecorder* recorder) const {
  if (packed.tokens.numel() == 0) {
    return at::empty({0, spec_.width}, at::TensorOptions(dtype_).device(device_));
  }
  StepContext step = packed_step(packed);
  step.recorder = recorder;
  return run(packed.tokens, step);
}

at::Tensor Model::hidden_step(const at::Tensor& tokens, KvCache& cache) const {
  check_tokens(tokens, 2);
  if (!spec_.causal) throw std::logic_error("an encoder does not decode");
  if (tokens.size(0) != cache.batch() || cache.length() + tokens.size(1) > cache.capacity()) {
    throw std::logic_error(fmt::format(
        "a step of [{}, {}] tokens does not fit a cache of batch {} with {} of {} tokens used",
        tokens.size(0), tokens.size(1), cache.batch(), cache.length(), cache.capacity()));
  }
  rotary_.check_turn(cache, tokens.size(1));
  StepContext step = uniform_step(tokens.size(0), cache.length(), tokens.size(1));
  step.cache = &cache;
  step.sequence = &cache.state();
  // A prompt of one token is a step like any other: there is nothing for a prompt's policy to gain.
  step.phase = tokens.size(1) == 1 ? Phase::kDecode : Phase::kPrefill;
  at::Tensor rows = run(tokens.reshape(-1), step);
  cache.advance(tokens.size(1));
  return rows;
}

at::Tensor Model::logits(const at::Tensor& hidden) const { return output_->forward(hidden); }

at::Tensor Model::log_likelihood(const at::Tensor& hidden, const at::Tensor& targets) const {
  return output_->log_likelihood(hidden, targets);
}

at::Tensor Model::logits_of_first(const at::Tensor& tokens, StepContext& step,
                                  std::vector<std::int64_t> first) const {
  if (output_->reads() != Output::Reads::kSequences) {
    throw std::logic_error("this model's output reads tokens, not sequences");
  }
  const auto sequences = std::ssize(first);
  const at::Tensor scores = logits(run(tokens, step, at::tensor(first, at::kLong).to(device_)));
  // An input that fills groups of sequences up adds scores that nobody asked for.
  return scores.size(0) == sequences ? scores : scores.narrow(0, 0, sequences);
}

at::Tensor Model::sequence_logits(const PackedTokens& packed) const {
  StepContext step = packed_step(packed);
  std::vector<std::int64_t> first;
  for (const Segment& segment : packed.segments) first.push_back(segment.offset);
  return logits_of_first(packed.tokens, step, std::move(first));
}

at::Tensor Model::sequence_logits(const at::Tensor& tokens) const {
  check_tokens(tokens, 2);
  StepContext step = uniform_step(tokens.size(0), 0, tokens.size(1));
  std::vector<std::int64_t> first;
  for (std::int64_t i = 0; i < tokens.size(0); ++i) first.push_back(i * tokens.size(1));
  return logits_of_first(tokens.reshape(-1), step, std::move(first));
}

at::Tensor Model::run_layer(const Layer& layer, std::int64_t index, const at::Tensor& rows,
                            std::int64_t batch, ActivationRecorder* recorder) const {
  PassState state;
  StepContext step = uniform_step(batch, 0, rows.size(0) / batch);
  step.layer = index;
  step.state = &state;
  step.recorder = recorder;
  step.seen = SeenByWindow(step, alibi_).of(window_of(spec_, index));
  LayerRotation(spec_, window_rotary_, step).set(step, index);
  return run_one(layer, rows, step);
}

void Model::use_dropout(bool on) {
  dropout_ = on;
  output_->drop(on ? spec_.classifier_dropout : 0);
}

bool Model::prefill_equals_decode() const {
  return std::all_of(layers_.begin(), layers_.end(), [](const Layer& layer) {
    return !layer.ffn || layer.ffn->prefill_equals_decode();
  });
}

Cost Model::cost() const {
  Cost layers;
  for (const Layer& layer : layers_) layers += layer.cost();
  layers += final_norm_.cost();
  layers.flops_per_token /= instances_of(*input_);
  Cost cost = input_->cost();
  cost += layers;
  Cost output = output_->cost();
  if (output_->reads() == Output::Reads::kSequences) output.flops_per_token = 0;
  cost += output;
  return cost;
}

void Model::visit_tensors(const VisitTensor& visit) {
  at::Tensor embedding;
  input_->visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    visit(name, tensor);
    if (name == parameter_name({-1, Slot::kEmbedding})) embedding = tensor;
  });
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].visit_tensors(visit_part(visit, fmt::format("layer.{}.", i)));
  }
  final_norm_.visit_tensors(visit_part(visit, "final_norm."));
  output_->visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    const bool tied =
        spec_.tied_head && embedding.defined() && name == parameter_name({-1, Slot::kHead});
    tied ? static_cast<void>(tensor = embedding) : visit(name, tensor);
  });
}

std::vector<Parameter> Model::parameters() const {
  std::vector<Parameter> all;
  // Looks only; visiting is not const because a visitor may replace what it is shown.
  const_cast<Model*>(this)->visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    all.push_back({parameter_from_name(name), name, tensor});
  });
  return all;
}

at::Tensor Model::parameter(const ParameterId& id) const {
  for (const Parameter& parameter : parameters()) {
    if (parameter.id == id) return parameter.tensor;
  }
  throw std::logic_error("this model has no parameter " + parameter_name(id));
}

std::string Model::content_hash() const {
  Sha256 hash;
  for (const Parameter& parameter : parameters()) {
    const at::Tensor local = parameter.tensor.detach().cpu().contiguous();
    hash.update(fmt::format("{} {} {}\n", parameter.name, c10::toString(local.scalar_type()),
                            fmt::join(local.sizes(), " ")));
    hash.update(std::span(static_cast<const std::byte*>(local.const_data_ptr()), local.nbytes()));
  }
  return hash.hex();
}

void Model::fuse() {
  for (Layer& layer : layers_) layer.fuse();
}

Model Model::share() const {
  Model twin;
  twin.spec_ = spec_;
  twin.folder_ = folder_;
  twin.warnings_ = warnings_;
  twin.dtype_ = dtype_;
  twin.device_ = device_;
  twin.rotary_ = rotary_;
  twin.window_rotary_ = window_rotary_;
  twin.alibi_ = alibi_;
  twin.input_ = input_->share();
  twin.final_norm_ = final_norm_;
  twin.output_ = output_->share();
  for (const Layer& layer : layers_) twin.layers_.push_back(layer.share());
  twin.dropout_ = dropout_;
  return twin;
}

Model Model::clone() const {
  Model twin = share();
  TensorCopies copies;
  const auto copy = [&](const std::string&, at::Tensor& tensor) { tensor = copies(tensor); };
  for (Layer& layer : twin.layers_) layer.visit_tensors(copy);
  twin.input_->visit_tensors(copy);
  twin.final_norm_.visit_tensors(copy);
  twin.output_->visit_tensors(copy);
  twin.use_dropout(false);
  return twin;
}

void Model::replace_layer(std::int64_t index, Layer layer, const LayerShape& shape) {
  if (spec_.layer_shapes.empty()) {
    spec_.layer_shapes.assign(static_cast<std::size_t>(spec_.layers), spec_.shape);
  }
  spec_.layer_shapes.at(static_cast<std::size_t>(index)) = shape;
  layers_.at(static_cast<std::size_t>(index)) = std::move(layer);
}

void Model::replace_output(std::unique_ptr<Output> block, const OutputShape& shape) {
  output_ = std::move(block);
  spec_.output = shape.kind;
  spec_.classes = shape.classes;
  spec_.labels = shape.labels;
  spec_.pooler_width = shape.pooler_width;
  spec_.tied_head = spec_.head_bias = false;
  use_dropout(dropout_);
}

void Model::drop_layer(std::int64_t index) {
  if (index < 0 || index >= spec_.layers) throw std::logic_error("no such layer to drop");
  layers_.erase(layers_.begin() + index);
  std::vector<std::int64_t> kept(static_cast<std::size_t>(spec_.layers));
  std::iota(kept.begin(), kept.end(), std::int64_t{0});
  kept.erase(kept.begin() + index);
  keep_layers(spec_, kept);
}

void Model::select_width(const at::Tensor& dimensions) {
  ModelSpec wider = spec_;
  ++wider.width;
  const at::Tensor kept = dimensions.to(device_);
  const auto cut = [&](const std::string& name, at::Tensor& tensor) {
    tensor = selected_where_wider(tensor, name, spec_, wider, kept);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      cut(fmt::format("layer.{}.{}", i, name), tensor);
    });
  }
  final_norm_.visit_tensors(
      [&](const std::string& name, at::Tensor& tensor) { cut("final_norm." + name, tensor); });
  input_->select_width(kept);
  output_->select_width(kept);
  if (spec_.embedding_width == spec_.width) spec_.embedding_width = dimensions.size(0);
  spec_.width = dimensions.size(0);
  visit_tensors([](const std::string&, at::Tensor&) {});  // ties the head again
  fuse();
}

void Model::add_bias(Slot slot) { assay::add_bias(spec_, layers_, slot); }

}  // namespace assay
