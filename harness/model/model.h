#pragma once
// One transformer that executes any ModelSpec: an input, layers, an output.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/vocabulary.h"
#include "harness/model/device.h"
#include "harness/model/kv_cache.h"
#include "harness/model/layer.h"
#include "harness/model/rotary_positions.h"
#include "harness/model/seams.h"

namespace assay {

/// What a spec says of the output.
struct OutputShape {
  OutputKind kind = OutputKind::kNone;
  std::int64_t classes = 0;         ///< of a classifier
  std::vector<std::string> labels;  ///< their names, or empty
  std::int64_t pooler_width = 0;    ///< of ModelSpec
};

struct LoadOptions {
  at::ScalarType dtype = at::kFloat;  ///< kFloat or kBFloat16
  at::Device device = at::kCPU;
  bool random_weights = false;  ///< only the shape of the checkpoint, for wall-clock suites
  std::uint64_t seed = 0;       ///< of the random weights
};

/// Sequences back to back, each in its segment.
struct PackedTokens {
  at::Tensor tokens;              ///< int64 [n]
  at::Tensor positions;           ///< int64 [n]
  at::Tensor token_types;         ///< int64 [n], or undefined: all 0
  std::vector<Segment> segments;  ///< in order; cover the rows
  at::Tensor prompt = {};         ///< bool [n], as StepContext has it, or undefined
};

/// One row of a model's table of parameters.
struct Parameter {
  /// Nothing for a tensor of a block that a method made: it fills no slot of the model.
  std::optional<ParameterId> id;
  std::string name;   ///< "layer.3.q.weight", "layer.3.up.codes"
  at::Tensor tensor;  ///< the one that passes use: write into it to change the model
};

class Model {
 public:
  /// Reads a model directory. Throws UserError for bad files, MachineError for a missing device.
  static Model load(const std::filesystem::path& folder, const LoadOptions& options);

  [[nodiscard]] const ModelSpec& spec() const { return spec_; }
  [[nodiscard]] at::ScalarType dtype() const { return dtype_; }
  [[nodiscard]] at::Device device() const { return device_; }
  [[nodiscard]] std::vector<Layer>& layers() { return layers_; }
  [[nodiscard]] const std::vector<Layer>& layers() const { return layers_; }
  [[nodiscard]] std::int64_t layer_count() const { return spec_.layers; }
  [[nodiscard]] const Input& input() const { return *input_; }
  [[nodiscard]] const Output& output() const { return *output_; }
  void replace_input(std::unique_ptr<Input> block) { input_ = std::move(block); }
  void replace_output(std::unique_ptr<Output> block) { output_ = std::move(block); }
  /// One of another kind; the spec says so then. It is not tied to the embedding.
  void replace_output(std::unique_ptr<Output> block, const OutputShape& shape);
  /// Its tokens, and the folder whose tokenizer names them.
  [[nodiscard]] Vocabulary vocabulary() const { return {spec_.vocab, folder_}; }
  /// What its checkpoint says that belongs beside every result.
  [[nodiscard]] const std::vector<ModelWarning>& warnings() const { return warnings_; }

  // The table of parameters.

  /// Every tensor that passes use, in the order of a pass; a tied head is the embedding.
  [[nodiscard]] std::vector<Parameter> parameters() const;
  /// Throws std::logic_error when there is none, or a method has replaced its block.
  [[nodiscard]] at::Tensor parameter(const ParameterId& id) const;
  /// Calls with each tensor under its name in the table; the visitor may put another in its place.
  /// A tied head follows the embedding.
  void visit_tensors(const VisitTensor& visit);
  /// SHA-256 over names, types, shapes and values of the table.
  [[nodiscard]] std::string content_hash() const;
  /// Lays weights that read the same rows side by side. load() and clone() leave a model that way.
  void fuse();

  /// Deep copy, so that a method can change one and keep the other.
  [[nodiscard]] Model clone() const;
  /// A model that computes with the same tensors. Its shape can be changed without this one's; a
  /// gradient of what it computes reaches the tensors of both.
  [[nodiscard]] Model share() const;

  // Changes of shape. Blocks and spec change together.

  /// A layer of another shape; `layer` must have the blocks that `shape` says.
  void replace_layer(std::int64_t index, Layer layer, const LayerShape& shape);
  /// The layers behind it move up.
  void drop_layer(std::int64_t index);
  /// Only these dimensions of the residual stream stay, in this order: int64. Throws DoesNotApply
  /// where a method replaced a block by one that cannot be cut. See harness/model/slicing.h.
  void select_width(const at::Tensor& dimensions);
  /// Gives a linear slot a bias of zeros in every layer, and those that have biases with it: kQ
  /// (with k and v), kO, kUp (with gate), kDown. Nothing to do where there are some.
  void add_bias(Slot slot);

  // Whole passes. Tokens are int64; hidden rows are after the final norm, before the output.

  /// tokens [batch, length], positions from 0 -> hidden [batch * length, width]. `prompt`: how many
  /// tokens of each row are given, for blocks that compute what follows otherwise.
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens, ActivationRecorder* recorder = nullptr,
                                  std::optional<std::int64_t> prompt = {}) const;
  /// -> hidden [n, width]
  [[nodiscard]] at::Tensor hidden_packed(const PackedTokens& packed,
                                         ActivationRecorder* recorder = nullptr) const;
  /// tokens [batch, t] continue the cache (prefill when it is empty) -> hidden [batch * t, width]
  [[nodiscard]] at::Tensor hidden_step(const at::Tensor& tokens, KvCache& cache) const;
  /// hidden [n, width] -> scores of the output [n, outputs] in the model's dtype
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;
  /// hidden [n, width], targets int64 [n] -> f32 [n]: log softmax(logits)[target], nats.
  [[nodiscard]] at::Tensor log_likelihood(const at::Tensor& hidden,
                                          const at::Tensor& targets) const;
  /// Scores of whole sequences, of an output that reads sequences -> [sequences, outputs]. Rows
  /// that no output reads stop at the last attention.
  [[nodiscard]] at::Tensor sequence_logits(const PackedTokens& packed) const;
  /// The same of tokens [batch, length].
  [[nodiscard]] at::Tensor sequence_logits(const at::Tensor& tokens) const;

  // Pieces of a pass, for calibration layer by layer.

  /// tokens [batch, length] -> embedded rows [batch * length, width]
  [[nodiscard]] at::Tensor embed(const at::Tensor& tokens) const;
  /// Runs one layer (of this model or a changed clone of it) on rows of `batch` sequences.
  [[nodiscard]] at::Tensor run_layer(const Layer& layer, std::int64_t index, const at::Tensor& rows,
                                     std::int64_t batch,
                                     ActivationRecorder* recorder = nullptr) const;
  /// Rows after the last layer -> hidden rows, as hidden() gives them.
  [[nodiscard]] at::Tensor finish(const at::Tensor& rows) const;

  /// Every pass from now on tells `observer` what its blocks did; null ends it. Not owned.
  void watch(StepObserver* observer) { observer_ = observer; }
  /// Every pass from now on lets `routing` settle what its blocks decide; null ends it. Not owned.
  void route_with(RoutingHook* routing) { routing_ = routing; }
  /// Every pass from now on drops what the spec says, as training does, or nothing any more. Draws
  /// from LibTorch's global generator.
  void use_dropout(bool on);
  /// False when a block computes a prompt otherwise than a pass that scores.
  [[nodiscard]] bool prefill_equals_decode() const;

  /// Accounting over input, layers and output; a tied head counts once. Work and touched bytes are
  /// those of the weights: the part of attention that grows with the context is left out, and so is
  /// the work of an output that reads sequences, which it does once for all of a sequence's tokens.
  [[nodiscard]] Cost cost() const;

 private:
  friend class ModelBuilder;
  Model() = default;
  /// `wanted`: int64, the rows that are returned; undefined: all.
  [[nodiscard]] at::Tensor run(const at::Tensor& tokens, StepContext& step,
                               const at::Tensor& wanted = {}) const;
  [[nodiscard]] at::Tensor run_one(const Layer& layer, const at::Tensor& rows, StepContext& step,
                                   const at::Tensor& wanted = {}) const;
  /// Whether blocks may leave out rows that nobody reads: nobody looks on, and nothing is drawn.
  [[nodiscard]] bool may_leave_out(const StepContext& step) const;
  [[nodiscard]] StepContext packed_step(const PackedTokens& packed) const;
  /// Of the rows in `first`, the scores.
  [[nodiscard]] at::Tensor logits_of_first(const at::Tensor& tokens, StepContext& step,
                                           std::vector<std::int64_t> first) const;
  /// Positions [begin, begin + tokens) for each of `batch` rows, with rotation.
  [[nodiscard]] StepContext uniform_step(std::int64_t batch, std::int64_t begin,
                                         std::int64_t tokens) const;
  void check_positions(std::int64_t end) const;

  ModelSpec spec_;
  std::filesystem::path folder_;
  std::vector<ModelWarning> warnings_;
  at::ScalarType dtype_ = at::kFloat;
  at::Device device_ = at::kCPU;
  std::unique_ptr<Input> input_;
  std::vector<Layer> layers_;
  NormBlock final_norm_;
  std::unique_ptr<Output> output_;
  RotaryPositions rotary_;         ///< of a model that has them
  RotaryPositions window_rotary_;  ///< of layers with a window, where they turn otherwise
  at::Tensor alibi_;               ///< f32 [1, heads, 1, max_positions] or undefined
  StepObserver* observer_ = nullptr;
  RoutingHook* routing_ = nullptr;
  bool dropout_ = false;
};

}  // namespace assay
