#include "methods/mux/multiplexed.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/method/masks.h"
#include "harness/model/mixing_input.h"
#include "harness/mux/contextual_multiplexer.h"
#include "harness/mux/mlp_demultiplexer.h"
#include "harness/mux/prefix_demultiplexer.h"
#include "harness/train/losses.h"

namespace assay::mux_method {
namespace {

constexpr double kDeviation = 0.02;    ///< of BERT's matrices as a training starts
constexpr std::uint64_t kAnySeed = 0;  ///< of blocks that stored tensors fill
/// Added to the seed of what only retrieval has, so that it is not drawn like the rest.
constexpr std::uint64_t kRetrievalStream = 0x7265'7472;

const EmbeddingInput& embedding_of(const Model& model) {
  const auto* embedding = dynamic_cast<const EmbeddingInput*>(&model.input());
  if (embedding != nullptr) return *embedding;
  throw DoesNotApply("another method has replaced the embeddings of this model; let mux be first");
}

std::unique_ptr<mux::Multiplexer> contextual_of(const MuxShape& shape, const ModelSpec& spec,
                                                const at::Generator& generator) {
  at::Tensor keys = mux::gaussian_keys(shape.instances, spec.width, shape.key_norm, generator);
  Layer along = mux::start_layer(spec, kDeviation, generator);
  Layer across = mux::start_layer(spec, kDeviation, generator);
  return std::make_unique<mux::ContextualMultiplexer>(
      mux::ContextualMuxTensors{std::move(keys), std::move(along), std::move(across)});
}

std::unique_ptr<mux::Multiplexer> multiplexer_of(const MuxShape& shape, const ModelSpec& spec,
                                                 const at::Generator& generator) {
  const std::int64_t n = shape.instances, width = spec.width;
  if (shape.keys == Keys::kContextual) return contextual_of(shape, spec, generator);
  if (shape.keys == Keys::kOrthogonal) {
    return std::make_unique<mux::OrthogonalMultiplexer>(
        mux::orthogonal_matrices(n, width, generator));
  }
  return std::make_unique<mux::HadamardMultiplexer>(
      shape.keys == Keys::kBinary ? mux::binary_keys(n, width)
                                  : mux::gaussian_keys(n, width, shape.key_norm, generator));
}

std::unique_ptr<mux::Demultiplexer> fresh_demultiplexer(const MuxShape& shape,
                                                        const ModelSpec& spec,
                                                        const at::Generator& generator) {
  if (shape.demux == Demux::kMlp) {
    return std::make_unique<mux::MlpDemultiplexer>(
        mux::start_mlp_demux(shape.instances, spec.width, kDeviation, spec.norm_eps, generator));
  }
  if (shape.demux == Demux::kPrefix) {
    return std::make_unique<mux::PrefixDemultiplexer>(
        shape.instances, mux::start_prefix_demux(spec.width, kDeviation, spec.norm_eps, generator));
  }
  return std::make_unique<mux::IndexDemultiplexer>(mux::start_index_demux(
      shape.instances, spec.width, shape.demux_linears, kDeviation, spec.norm_eps, generator));
}

mux::MuxForm form_of(const MuxShape& shape, const ModelSpec& spec) {
  mux::MuxForm form{.length = shape.length,
                    .places_twice = shape.places_twice,
                    .ensemble = shape.ensemble,
                    .positions = spec.max_positions};
  if (shape.demux == Demux::kPrefix) form.prefix = mux::prefix_tokens(spec.vocab, shape.instances);
  return form;
}

std::optional<DenseLinear> classifier_of(const std::vector<std::string>& labels, std::int64_t width,
                                         const at::Generator& generator) {
  if (labels.empty()) return std::nullopt;
  const std::int64_t classes = std::ssize(labels);
  return DenseLinear(at::empty({classes, width}).normal_(0, kDeviation, generator),
                     at::zeros({classes}));
}

}  // namespace

void multiplex(Model& model, const MuxShape& shape, const std::vector<std::string>& labels,
               std::uint64_t seed) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const ModelSpec& spec = model.spec();
  const EmbeddingInput embedding = embedding_of(model);
  auto input = std::make_unique<mux::MuxInput>(embedding, multiplexer_of(shape, spec, generator),
                                               form_of(shape, spec));
  auto demultiplexer = fresh_demultiplexer(shape, spec, generator);
  auto output = std::make_unique<mux::MuxClassifier>(
      std::move(demultiplexer), classifier_of(labels, spec.width, generator), shape.ensemble);
  const auto to_model = [&](const std::string&, at::Tensor& tensor) {
    tensor = tensor.to(model.device(), model.dtype());
  };
  input->visit_tensors(to_model);
  output->visit_tensors(to_model);
  OutputShape made{.kind = labels.empty() ? OutputKind::kNone : OutputKind::kClassifier,
                   .classes = std::ssize(labels),
                   .labels = labels};
  model.replace_input(std::move(input));
  model.replace_output(std::move(output), made);
}

const mux::MuxInput& input_of(const Model& model) {
  return dynamic_cast<const mux::MuxInput&>(model.input());
}

const mux::Demultiplexer& demultiplexer_of(const Model& model) {
  return dynamic_cast<const mux::MuxClassifier&>(model.output()).demultiplexer();
}

bool trains(const Parameter& parameter) { return !is_mixing_key(parameter); }

mux::RetrievalTensors fresh_retrieval(const Model& model, const MuxShape& shape,
                                      std::uint64_t seed) {
  const ModelSpec& spec = model.spec();
  const std::int64_t norms = shape.demux == Demux::kIndex ? shape.demux_linears - 1 : 0;
  mux::RetrievalTensors head = mux::start_retrieval(norms, spec.width, spec.vocab, spec.norm_eps);
  if (shape.demux == Demux::kPrefix) {
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed + kRetrievalStream);
    head.own = fresh_demultiplexer(shape, spec, generator);
  }
  return head;
}

at::Tensor retrieval_loss(const Model& model, const mux::RetrievalTensors& head,
                          const at::Tensor& rows, const at::Tensor& tokens, double share) {
  const mux::MuxInput& input = input_of(model);
  const mux::RetrievalQuestions asked =
      mux::draw_questions(tokens, input.form().pad_token, share, input.prefixed());
  if (asked.rows.numel() == 0) return rows.sum() * 0;
  return cross_entropy(answers(model, head, rows, tokens.size(2), asked), asked.targets);
}

at::Tensor answers(const Model& model, const mux::RetrievalTensors& head, const at::Tensor& rows,
                   std::int64_t length, const mux::RetrievalQuestions& asked) {
  const mux::Demultiplexer& demultiplexer = demultiplexer_of(model);
  const at::Tensor read = demultiplexer.read_at(rows, length, asked.rows, asked.which);
  return mux::retrieval_scores(demultiplexer, head, input_of(model).embedding().token_table(), read,
                               asked.which);
}

Json plan_of(const MuxShape& shape, const std::vector<std::string>& labels) {
  return {{"labels", labels},
          {"shape",
           {{"instances", shape.instances},
            {"keys", static_cast<int>(shape.keys)},
            {"demux", static_cast<int>(shape.demux)},
            {"demux_linears", shape.demux_linears},
            {"places_twice", shape.places_twice},
            {"length", shape.length},
            {"ensemble", shape.ensemble}}}};
}

void apply_multiplexed(Model& model, const Artefact& artefact) {
  const Json& stored = artefact.plan.at("shape");
  const MuxShape shape{.instances = stored.at("instances").get<std::int64_t>(),
                       .keys = static_cast<Keys>(stored.at("keys").get<int>()),
                       .key_norm = 1,
                       .demux = static_cast<Demux>(stored.at("demux").get<int>()),
                       .demux_linears = stored.at("demux_linears").get<std::int64_t>(),
                       .places_twice = stored.at("places_twice").get<bool>(),
                       .length = stored.at("length").get<std::int64_t>(),
                       .ensemble = stored.at("ensemble").get<bool>()};
  multiplex(model, shape, artefact.plan.at("labels").get<std::vector<std::string>>(), kAnySeed);
  apply_pruned_weights(model, artefact);
}

}  // namespace assay::mux_method
