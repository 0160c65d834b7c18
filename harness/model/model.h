#pragma once
// One decoder that executes any ModelSpec.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/vocabulary.h"
#include "harness/model/slots.h"

namespace assay {

struct NormBlock {
  NormKind kind = NormKind::kLayerNorm;
  double eps = 1e-5;
  at::Tensor weight;  ///< [width]; undefined = no norm here
  at::Tensor bias;    ///< [width] or undefined
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const;
  [[nodiscard]] Cost cost() const;
  [[nodiscard]] NormBlock clone() const;
};

/// One transformer layer. Owns its slots.
struct Layer {
  NormBlock attention_norm;
  NormBlock ffn_norm;  ///< weight undefined when the norm is shared
  std::unique_ptr<Attention> attention;
  std::unique_ptr<Ffn> ffn;

  /// The roles this layer has, in the order q k v o gate up down.
  [[nodiscard]] std::vector<LinearRole> roles() const;
  /// Throws std::logic_error when the layer has no such slot.
  [[nodiscard]] Linear& linear(LinearRole role) const;
  /// The slot as a DenseLinear; throws std::logic_error when a method has replaced it.
  [[nodiscard]] DenseLinear& dense(LinearRole role) const;
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block);
  [[nodiscard]] Layer clone() const;
};

/// Static key/value cache, one pair of [batch, kv_heads, capacity, head_dim] a layer.
class KvCache {
 public:
  KvCache(const ModelSpec& spec, std::int64_t batch, std::int64_t capacity, at::ScalarType dtype,
          at::Device device);
  [[nodiscard]] std::int64_t length() const { return length_; }
  [[nodiscard]] std::int64_t capacity() const { return capacity_; }
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  [[nodiscard]] std::int64_t bytes() const;
  at::Tensor& keys(std::int64_t layer) { return keys_[static_cast<std::size_t>(layer)]; }
  at::Tensor& values(std::int64_t layer) { return values_[static_cast<std::size_t>(layer)]; }
  /// Forgets the tokens from `length` on.
  void truncate(std::int64_t length);
  void advance(std::int64_t tokens) { length_ += tokens; }

 private:
  std::int64_t batch_, capacity_, length_ = 0;
  std::vector<at::Tensor> keys_, values_;
};

struct LoadOptions {
  at::ScalarType dtype = at::kFloat;  ///< kFloat or kBFloat16
  at::Device device = at::kCPU;
  bool random_weights = false;  ///< only the shape of the checkpoint, for wall-clock suites
  std::uint64_t seed = 0;       ///< of the random weights
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
  /// Its tokens, and the folder whose tokenizer names them.
  [[nodiscard]] Vocabulary vocabulary() const { return {spec_.vocab, folder_}; }
  /// What its checkpoint says that belongs beside every result.
  [[nodiscard]] const std::vector<ModelWarning>& warnings() const { return warnings_; }

  /// Deep copy, so that a method can change one and keep the other.
  [[nodiscard]] Model clone() const;

  // Whole passes. Tokens are int64; hidden rows are after the final norm, before the head.

  /// tokens [batch, length], causal, positions from 0 -> hidden [batch * length, width]
  [[nodiscard]] at::Tensor hidden(const at::Tensor& tokens,
                                  ActivationRecorder* recorder = nullptr) const;
  /// tokens [n], positions [n], segments that cover them -> hidden [n, width]
  [[nodiscard]] at::Tensor hidden_packed(const at::Tensor& tokens, const at::Tensor& positions,
                                         const std::vector<Segment>& segments) const;
  /// tokens [batch, t] continue the cache (prefill when it is empty) -> hidden [batch * t, width]
  [[nodiscard]] at::Tensor hidden_step(const at::Tensor& tokens, KvCache& cache) const;
  /// hidden [n, width] -> logits [n, vocab] in the model's dtype
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;
  /// hidden [n, width], targets int64 [n] -> f32 [n]: log softmax(logits)[target], nats. On a CPU
  /// without the matrix of logits.
  [[nodiscard]] at::Tensor log_likelihood(const at::Tensor& hidden,
                                          const at::Tensor& targets) const;

  // Pieces of a pass, for calibration layer by layer.

  /// tokens [batch, length] -> embedded rows [batch * length, width]
  [[nodiscard]] at::Tensor embed(const at::Tensor& tokens) const;
  /// Runs one layer (of this model or a changed clone of it) on rows of `batch` causal sequences.
  [[nodiscard]] at::Tensor run_layer(const Layer& layer, std::int64_t index, const at::Tensor& rows,
                                     std::int64_t batch,
                                     ActivationRecorder* recorder = nullptr) const;
  /// Rows after the last layer -> hidden rows, as hidden() gives them.
  [[nodiscard]] at::Tensor finish(const at::Tensor& rows) const;

  /// Every pass from now on tells `observer` what its blocks did; null ends it. Not owned.
  void watch(StepObserver* observer) { observer_ = observer; }
  /// Every pass from now on lets `decisions` settle what its blocks decide; null ends it. Not
  /// owned.
  void settle_with(Decisions* decisions) { decisions_ = decisions; }
  /// False when a block computes a prompt otherwise than the same tokens one by one.
  [[nodiscard]] bool prefill_equals_decode() const;

  /// Calls with the name ("embedding", "head", "layer.3.up") and the tensor of every matrix that a
  /// pass multiplies or looks up, as far as it is dense; a tied head is the embedding.
  void visit_weights(
      const std::function<void(const std::string& name, const at::Tensor& weight)>& visit) const;

  /// Accounting over embeddings, layers and head; a tied head counts once. Work and touched bytes
  /// are those of the weights: the part of attention that grows with the context is left out.
  [[nodiscard]] Cost cost() const;

 private:
  friend class ModelBuilder;
  Model() = default;
  [[nodiscard]] at::Tensor embed_at(const at::Tensor& tokens, const at::Tensor& positions) const;
  [[nodiscard]] at::Tensor run(at::Tensor rows, StepContext& step) const;
  [[nodiscard]] at::Tensor run_one(const Layer& layer, const at::Tensor& rows,
                                   StepContext& step) const;
  /// What the scores of one pass get in layers of one window.
  struct Masks {
    at::Tensor whole;
    std::vector<at::Tensor> segments;
  };
  /// Positions [begin, begin + tokens) for each of `batch` rows, with rotation; no mask yet.
  [[nodiscard]] StepContext uniform_step(std::int64_t batch, std::int64_t begin,
                                         std::int64_t tokens) const;
  void set_rotation(StepContext& step) const;
  /// Puts the masks of this layer into the step; `known` keeps those of each window of the pass.
  void set_masks(StepContext& step, std::int64_t layer, std::map<std::int64_t, Masks>& known) const;
  [[nodiscard]] at::Tensor mask(const StepContext& step, std::int64_t window) const;
  [[nodiscard]] std::vector<at::Tensor> segment_masks(const StepContext& step,
                                                      std::int64_t window) const;
  void check_positions(std::int64_t end) const;

  ModelSpec spec_;
  std::filesystem::path folder_;
  std::vector<ModelWarning> warnings_;
  at::ScalarType dtype_ = at::kFloat;
  at::Device device_ = at::kCPU;
  at::Tensor embedding_;           ///< [vocab, embedding_width]
  at::Tensor position_embedding_;  ///< [positions, width] or undefined
  std::optional<DenseLinear> project_in_, project_out_;
  NormBlock embedding_norm_, final_norm_;
  std::optional<DenseLinear> head_;  ///< weight [vocab, embedding_width]; the embedding when tied
  at::Tensor rope_frequencies_;      ///< f32 [rotary_dim / 2] or undefined
  at::Tensor alibi_;                 ///< f32 [1, heads, 1, max_positions] or undefined
  std::vector<Layer> layers_;
  StepObserver* observer_ = nullptr;
  Decisions* decisions_ = nullptr;
};

/// Loads libtorch_cuda into the process and checks that the device exists; no-op for "cpu".
/// "cpu", "cuda", "cuda:1". Throws UserError for another word, MachineError for a missing device.
at::Device open_device(const std::string& name);

/// "fp32" -> kFloat, "bf16" -> kBFloat16; UserError otherwise.
at::ScalarType dtype_from_name(const std::string& name);

}  // namespace assay
