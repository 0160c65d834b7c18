#pragma once
// What a transformer is, apart from its weights. Free of LibTorch: `assay` reads it too.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

enum class NormKind { kLayerNorm, kRmsNorm };
/// What q and k go through before they meet.
enum class QkNorm {
  kNone,
  kHead,        ///< an RMS norm over each head, whose weights all heads share
  kProjection,  ///< an RMS norm over all heads together: heads are no longer apart
};
enum class PositionKind { kRotary, kLearned, kAlibi };
enum class ActivationKind { kSilu, kRelu, kGelu, kGeluTanh };

/// Scaling of rotary frequencies (config key `rope_scaling` or `rope_parameters`).
struct RopeScaling {
  std::string kind = "none";  ///< "none", "linear", "dynamic", "llama3", "yarn", "longrope"
  double factor = 1.0;
  double low_frequency_factor = 1.0;   ///< llama3
  double high_frequency_factor = 4.0;  ///< llama3
  /// dynamic, llama3, yarn, longrope: longest sequence before scaling
  std::int64_t original_positions = 0;
  double beta_fast = 32.0;        ///< yarn: rotations above which a frequency is kept
  double beta_slow = 1.0;         ///< yarn: rotations below which it is slowed by the factor
  bool truncate = true;           ///< yarn: the two borders are whole dimensions
  double attention_factor = 1.0;  ///< yarn, longrope: cosines and sines are multiplied by it
  /// longrope: what each frequency is divided by, in sequences up to the original length and longer
  std::vector<double> short_factors, long_factors;
  /// Whether frequencies are those of any length.
  [[nodiscard]] bool is_fixed() const { return kind != "dynamic" && kind != "longrope"; }
};

/// What stands after the last layer.
enum class OutputKind {
  kVocabulary,  ///< scores of the next token, for each token
  kClassifier,  ///< scores of the classes, for each sequence
  kNone,        ///< the hidden rows themselves
};

/// What may differ from layer to layer. Widths in elements.
struct LayerShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  ///< == heads unless grouped-query or multi-query
  std::int64_t head_dim = 0;
  std::int64_t ffn_width = 0;  ///< neurons of a feed-forward block; of each expert, where there are
  /// Feed-forward blocks of which every token takes some; 0: there is one, for all tokens.
  std::int64_t experts = 0;
  /// False: the sub-layer is missing, and the residual stream passes by, without its norm.
  bool has_attention = true;
  bool has_ffn = true;
  bool operator==(const LayerShape&) const = default;
};

/// One transformer executes any of these. All widths in elements.
struct ModelSpec {
  std::string family;  ///< "llama", "opt", ...
  std::string
      checkpoint_dtype;  ///< "float32", "bfloat16", "float16"; as config.json says, may be empty
  std::int64_t layers = 0;
  std::int64_t width = 0;  ///< hidden size d_model
  LayerShape shape;        ///< of every layer, as config.json says
  /// Of each layer, once they are not all alike any more; else empty. Read them through layer().
  std::vector<LayerShape> layer_shapes;
  std::int64_t vocab = 0;
  std::int64_t max_positions = 0;    ///< longest window the model may see
  std::int64_t embedding_width = 0;  ///< == width unless projected in and out (OPT-350M)

  std::int64_t token_types = 0;  ///< segments that a token may belong to (BERT); 0: none

  bool causal = true;  ///< false: every token sees all of its sequence
  OutputKind output = OutputKind::kVocabulary;
  std::int64_t classes = 0;         ///< of a classifier
  std::vector<std::string> labels;  ///< names of the classes; empty when the model does not say
  /// What a dense layer with tanh makes of each sequence's first row (BERT), 0: none. As wide as
  /// the model, unless its width was cut.
  std::int64_t pooler_width = 0;
  NormKind norm = NormKind::kLayerNorm;
  double norm_eps = 1e-5;
  PositionKind positions = PositionKind::kLearned;
  std::int64_t position_offset = 0;  ///< learned positions start here (OPT: 2)
  double rope_theta = 10000.0;
  std::int64_t rotary_dim = 0;  ///< leading part of a head that rotates
  RopeScaling rope_scaling;
  std::vector<std::int64_t> layer_windows;  ///< of each layer, 0: none; empty: none anywhere
  /// Of each layer, 0: its heads do not rotate; empty: all do.
  std::vector<std::int64_t> layer_rotates;
  double window_rope_theta = 0;     ///< of layers with a window (Gemma 3); 0: as the others
  RopeScaling window_rope_scaling;  ///< likewise, where there is a theta

  bool norm_weights = true;       ///< false: norms have neither weight nor bias (OLMo)
  double norm_offset = 0;         ///< a norm multiplies by its weight and this together (Gemma: 1)
  bool norm_rounds_last = false;  ///< RMS norm: weighted before it is rounded to the dtype
  bool input_norms = true;        ///< of blocks with `pre_norm`: there is a norm in front of them
  bool output_norms = false;      ///< and one behind, before the residual is added
  QkNorm qk_norm = QkNorm::kNone;
  double qkv_clip = 0;           ///< q, k and v stay within [-clip, clip]; 0: no such bounds
  double attention_softcap = 0;  ///< scores become cap * tanh(score / cap); 0: they stay
  double embedding_scale = 1;    ///< embedded rows are multiplied by it
  bool embedding_scale_rounded = false;  ///< which is rounded to the model's dtype
  double residual_scale = 1;             ///< what a block gives is multiplied by it
  double logit_scale = 1;                ///< of the scores of the vocabulary
  double logit_softcap = 0;              ///< of them, behind their scale; as attention_softcap

  ActivationKind activation = ActivationKind::kGelu;
  bool ffn_gated = false;              ///< down(act(gate(x)) * up(x)) instead of down(act(up(x)))
  std::int64_t experts_per_token = 0;  ///< in layers with experts
  bool router_normed = false;   ///< the shares of a token's experts add up to 1, not those of all
  bool router_rounded = false;  ///< the shares are rounded to the model's dtype
  bool parallel_residual = false;  ///< attention and FFN read the same residual stream
  bool shared_norm = false;        ///< parallel residual with one norm for both (Falcon-7B)
  bool pre_norm = true;            ///< false: norm after the residual (OPT-350M)
  bool final_norm = true;
  bool embedding_norm = false;  ///< BLOOM
  double alibi_scale = 1.0;     ///< factor of the ALiBi bias (Falcon: 1 / sqrt(head_dim))
  bool alibi_rounded = false;   ///< slopes and biases rounded to bfloat16 (Falcon)
  bool qkv_bias = false;
  bool attention_out_bias = false;
  bool ffn_bias = false;      ///< of gate and up
  bool ffn_out_bias = false;  ///< of down
  bool tied_head = false;

  bool norm_bias = true;          ///< of layer norms
  bool head_bias = false;         ///< of the scores of the vocabulary
  bool rope_interleaved = false;  ///< element 2 i of a head turns with 2 i + 1, not i with i + half
  double attention_scale = 0;     ///< of the scores of attention; 0: 1 / sqrt(head_dim)

  // Shares that training drops; passes that do not train drop nothing.
  double hidden_dropout = 0;      ///< of the embedded rows and of every block's output
  double attention_dropout = 0;   ///< of the attention weights
  double classifier_dropout = 0;  ///< of the pooled rows

  [[nodiscard]] const LayerShape& layer(std::int64_t index) const {
    return layer_shapes.empty() ? shape : layer_shapes.at(static_cast<std::size_t>(index));
  }
};

/// Of the rows that a classifier reads.
std::int64_t classified_width(const ModelSpec& spec);

/// How many positions, itself included, a token of this layer sees; 0: all before it.
std::int64_t window_of(const ModelSpec& spec, std::int64_t layer);

/// Longest sequence whose rotation is that of any shorter one; a longer one has frequencies of its
/// own, for all of its tokens. 0: all are alike.
std::int64_t rotated_alike(const ModelSpec& spec);

/// Whether heads of this layer rotate, where positions are rotary.
bool rotates(const ModelSpec& spec, std::int64_t layer);

/// Leaves these layers, in this order. A list by layer that says nothing of what is left is empty
/// then, as where a configuration is read.
void keep_layers(ModelSpec& spec, const std::vector<std::int64_t>& layers);

/// Why no head can be taken out of such a model, nor its heads be put into another order: "this
/// model has ALiBi, ..."; empty where they can.
std::string why_heads_stay(const ModelSpec& spec);

/// Whether a layer is a mixture of experts.
bool has_experts(const ModelSpec& spec);

/// Facts that a method's requirements speak of: {"family": "llama", "ffn.gated": true,
/// "ffn.activation": "silu", "attention.kv_heads": 3, ...}. Where layers differ, a list of all.
Json traits(const ModelSpec& spec);

}  // namespace assay
