#pragma once
// A small network that says, from rows of a model, how much each head or neuron will matter.
//
// Two linear layers. DejaVu (Liu et al., ICML 2023, arXiv 2310.17157) has one for the heads and one
// for the neurons of each layer, without biases and with nothing between the two: a linear
// classifier of low rank. ShadowLLM (Akhauri et al., EMNLP 2024, arXiv 2406.16635) has one for all
// heads and one for all neurons of a model, with biases and a ReLU between.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "harness/base/json.h"
#include "harness/model/seams.h"

namespace assay {

enum class PredictorMiddle { kNone, kRelu };

/// "none", "relu".
const char* predictor_middle_name(PredictorMiddle middle);

/// What a predictor is, its numbers apart.
struct PredictorForm {
  std::int64_t inputs = 0;   ///< columns of the rows that it reads
  std::int64_t rank = 0;     ///< between the two layers; at most `inputs`
  std::int64_t outputs = 0;  ///< heads or neurons that it scores
  PredictorMiddle middle = PredictorMiddle::kNone;
  bool biases = false;
  bool scaled_inputs = false;  ///< forward() first brings each row to [0, 1]; see scaling.h
  friend bool operator==(const PredictorForm&, const PredictorForm&) = default;
};
PredictorForm dejavu_form(std::int64_t inputs, std::int64_t rank, std::int64_t outputs);
PredictorForm shadowllm_form(std::int64_t inputs, std::int64_t rank, std::int64_t outputs);
Json to_json(const PredictorForm& form);

/// Throws DoesNotApply for a rank below 1 or above the width of the rows, and std::logic_error
/// without inputs or outputs.
void require_predictor_form(const PredictorForm& form);

/// scores = second(middle(first(rows))).
class Predictor final : public Block {
 public:
  /// The linears have the sizes of the form. Throws std::logic_error where they do not.
  Predictor(const PredictorForm& form, std::unique_ptr<Linear> first,
            std::unique_ptr<Linear> second);

  /// rows [n, inputs] in any floating dtype -> scores f32 [n, outputs]. DejaVu's are logits: 0 is a
  /// probability of one half.
  ///
  /// Weights in fp32 are multiplied in fp32, whatever the rows' dtype. Weights in bf16 are
  /// multiplied with rows rounded to bf16 and summed in fp32; what comes out of each layer is
  /// rounded to bf16, so that close scores may become equal. Packed weights: packed_product().
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const;

  [[nodiscard]] const PredictorForm& form() const { return form_; }
  [[nodiscard]] const Linear& first() const { return *first_; }
  [[nodiscard]] const Linear& second() const { return *second_; }

  /// Both matrices are read whole for each token.
  [[nodiscard]] Cost cost() const override;
  /// "first.weight", "first.bias", "second.weight", ...
  void visit_tensors(const VisitTensor& visit) override;
  /// A copy that computes with the same tensors; clone_block() gives one with its own.
  [[nodiscard]] std::unique_ptr<Predictor> share() const;

 private:
  PredictorForm form_;
  std::unique_ptr<Linear> first_, second_;
};

/// Dense, fp32, with the weights that torch.nn.Linear draws after torch.manual_seed(seed), the
/// first layer before the second: uniform in +-1 / sqrt(inputs of the layer), biases too. Throws as
/// require_predictor_form().
Predictor fresh_predictor(const PredictorForm& form, std::uint64_t seed,
                          at::Device device = at::kCPU);

/// How its matrices are kept.
struct PredictorStorage {
  std::int64_t bits = 32;    ///< 32: fp32; 16: bf16, biases too; 8 and 4: packed
  std::int64_t group = 128;  ///< of packed ones: columns that share a scale; a multiple of 32
};

/// A dense fp32 predictor, kept otherwise; packed matrices are rounded to nearest. Throws UserError
/// for other storages, std::logic_error when it is not dense fp32.
Predictor stored_as(const Predictor& predictor, const PredictorStorage& storage);

}  // namespace assay
