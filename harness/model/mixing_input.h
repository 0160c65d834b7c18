#pragma once
// Inputs that run several sequences as one.

#include <cstdint>
#include <vector>

#include "harness/model/model.h"

namespace assay {

/// What a sequence gets depends on those beside it: the batch that goes in is another one than the
/// batch that runs through the layers, whose sequences all have one length.
class MixingInput : public Input {
 public:
  struct Batch {
    std::int64_t sequences = 0, length = 0;
  };
  /// What runs through the layers for so many sequences, the longest of them so long.
  [[nodiscard]] virtual Batch batch_of(std::int64_t sequences, std::int64_t longest) const = 0;
  /// How many sequences of a full batch share one that runs through the layers, and its work.
  [[nodiscard]] virtual std::int64_t instances() const = 0;
  /// How many rows of each sequence that ran through the layers an output reads, from the first on.
  [[nodiscard]] virtual std::int64_t rows_read() const { return 1; }
};

/// Whether a model's input is one of these.
bool mixes_sequences(const Input& input);
bool mixes_sequences(const Model& model);
/// Its instances(); 1 for an input that mixes nothing.
std::int64_t instances_of(const Input& input);

/// What is wanted of the batch that runs through the layers, where `wanted` is of the batch that
/// went in: behind an input that mixes them, each sequence's first rows, as many as an output
/// reads. Undefined stays undefined: all.
at::Tensor wanted_of(const Input& input, const StepContext& step, const at::Tensor& wanted);

/// Rows of a pass over `packed` that an output which reads sequences reads: the first one of each
/// sequence that ran through the layers, or as many as a mixing input says.
std::vector<std::int64_t> output_rows(const Model& model, const PackedTokens& packed);
/// Those of `rows` [n, width], the hidden rows of that pass.
at::Tensor output_input(const Model& model, const at::Tensor& rows, const PackedTokens& packed);

/// Whether a parameter is what tells instances apart when they are mixed: drawn, never trained.
bool is_mixing_key(const Parameter& parameter);

}  // namespace assay
