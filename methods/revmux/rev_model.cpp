#include "methods/revmux/rev_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/method/masks.h"
#include "harness/model/outputs.h"
#include "harness/model/standard_attention.h"
#include "harness/model/standard_ffn.h"
#include "harness/train/classifier.h"

namespace assay::revmux {
namespace {

constexpr std::string_view kAdapters = "rev.";  ///< begin of their names
constexpr double kDeviation = 0.02;             ///< of BERT's matrices as a training starts
constexpr std::uint64_t kAnySeed = 0;           ///< of blocks that stored tensors fill

const EmbeddingInput& embedding_of(const Model& model) {
  const auto* embedding = dynamic_cast<const EmbeddingInput*>(&model.input());
  if (embedding != nullptr) return *embedding;
  throw DoesNotApply(
      "another method has replaced the embeddings of this model; let revmux be first");
}

const Classifier& classifier_of(const Model& model) {
  const auto* classifier = dynamic_cast<const Classifier*>(&model.output());
  if (classifier != nullptr) return *classifier;
  throw DoesNotApply(
      "another method has replaced the classifier of this model; let revmux be first");
}

bool runs_padded(const Layer& layer) {
  const Attention* attention = layer.attention.get();
  const Ffn* ffn = layer.ffn.get();
  if (attention == nullptr || ffn == nullptr) return false;
  if (typeid(*attention) != typeid(StandardAttention) || typeid(*ffn) != typeid(StandardFfn)) {
    return false;
  }
  const AttentionShape& shape = dynamic_cast<const StandardAttention&>(*attention).shape();
  return shape.heads == shape.kv_heads;
}

void require_padded_layers(const Model& model, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (runs_padded(model.layers()[static_cast<std::size_t>(i)])) continue;
    throw DoesNotApply(
        fmt::format("another method has replaced or taken out a block of layer {}, which would run "
                    "sequence by sequence; let revmux be first, or lower prefill_layers",
                    i));
  }
}

/// The linear behind a classifier's pooler, with the tensors that it computes with.
DenseLinear head_of(const Classifier& classifier) {
  std::map<std::string, at::Tensor> tensors;
  const std::unique_ptr<Output> twin = classifier.share();
  twin->visit_tensors([&](const std::string& name, at::Tensor& tensor) { tensors[name] = tensor; });
  return {tensors.at("head.weight"), tensors["head.bias"]};
}

std::vector<Layer> take_layers(Model& model, std::int64_t count) {
  std::vector<Layer> taken;
  for (std::int64_t i = 0; i < count; ++i) {
    taken.push_back(std::move(model.layers().front()));
    model.drop_layer(0);
  }
  return taken;
}

/// The adapters of a block; the rest is the model's own.
template <typename Block>
void move_to(const Model& model, Block& block) {
  block.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    if (name.starts_with(kAdapters)) tensor = tensor.to(model.device(), model.dtype());
  });
}

}  // namespace

mux::RevMuxInput& multiplex(Model& model, const RevShape& shape, std::uint64_t seed) {
  const EmbeddingInput embedding = embedding_of(model);
  const Classifier& classifier = classifier_of(model);
  require_padded_layers(model, shape.prefill_layers);
  const ModelSpec& spec = model.spec();
  const std::int64_t width = spec.width, part = width / shape.instances;
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  DenseLinear down = mux::start_uniform_linear(part, width, generator);
  const auto chain = std::make_shared<mux::SharedChain>(
      mux::CouplingChain(mux::start_coupling_nets(shape.instances, width, generator)));
  auto output = std::make_unique<mux::RevMuxOutput>(
      mux::RevMuxHead{.chain = chain,
                      .up = mux::start_up_projection(part, width, kDeviation, generator),
                      .pooler = classifier.pooler(),
                      .classifier = head_of(classifier)});
  OutputShape made{.kind = OutputKind::kClassifier,
                   .classes = spec.classes,
                   .labels = spec.labels,
                   .pooler_width = spec.pooler_width};
  auto input = std::make_unique<mux::RevMuxInput>(
      mux::RevMuxParts{embedding, take_layers(model, shape.prefill_layers), std::move(down), chain},
      mux::RevMuxForm{.places_twice = shape.places_twice});
  mux::RevMuxInput& made_input = *input;
  move_to(model, *input);
  move_to(model, *output);
  model.replace_input(std::move(input));
  model.replace_output(std::move(output), made);
  return made_input;
}

const mux::RevMuxOutput& output_of(const Model& model) {
  return dynamic_cast<const mux::RevMuxOutput&>(model.output());
}

bool is_adapter(const Parameter& parameter) { return parameter.name.starts_with(kAdapters); }

Json plan_of(const RevShape& shape) {
  return {{"shape",
           {{"instances", shape.instances},
            {"prefill_layers", shape.prefill_layers},
            {"places_twice", shape.places_twice}}}};
}

void apply_multiplexed(Model& model, const Artefact& artefact) {
  if (artefact.plan.contains(kLabels)) {
    add_classifier(model, artefact.plan.at(kLabels).get<std::vector<std::string>>(), kAnySeed);
  }
  const Json& stored = artefact.plan.at("shape");
  multiplex(model,
            {.instances = stored.at("instances").get<std::int64_t>(),
             .prefill_layers = stored.at("prefill_layers").get<std::int64_t>(),
             .places_twice = stored.at("places_twice").get<bool>()},
            kAnySeed);
  apply_pruned_weights(model, artefact);
}

}  // namespace assay::revmux
