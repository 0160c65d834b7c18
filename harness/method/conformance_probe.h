#pragma once
// What the conformance kit asks a model, and what it fits on: all of it random, and the same each
// time.

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/data/answered_items.h"
#include "harness/data/labelled_items.h"
#include "harness/model/model.h"

namespace assay {

/// How a pass over a batch differs from passes over each sequence.
struct BatchDifference {
  double scores = 0;     ///< the largest difference, as a share of the largest score
  double decisions = 0;  ///< share of all decisions that would have been others
};

/// Sequences, and the scores that a model gives them. Of a decoder they are equally long, and the
/// first tokens of each are its prompt; a model that reads whole sequences gets them packed, of
/// different lengths and with token types where it has such.
class ConformanceProbe {
 public:
  explicit ConformanceProbe(const ModelSpec& spec);
  /// Of all sequences in one pass: of each token, or of each sequence where the model's output
  /// scores those -> [rows, outputs].
  [[nodiscard]] at::Tensor scores(const Model& model) const;
  /// That pass against one pass for each sequence. What blocks decide of a row in the one holds in
  /// the others too, so that scores tell of more than an entry on the edge of a decision. A model
  /// that runs several sequences as one is held to give a batch the same scores twice.
  [[nodiscard]] BatchDifference batch_difference(const Model& model) const;
  /// Scores of what follows the prompts, a token a step: of a decoder -> [rows, outputs].
  [[nodiscard]] at::Tensor decoded_scores(const Model& model) const;

 private:
  std::vector<at::Tensor> sequences_, token_types_;
};

/// int64 [samples, tokens]
at::Tensor conformance_calibration(const ModelSpec& spec);
/// As many, of different lengths.
AnsweredItems conformance_answers(const ModelSpec& spec);

/// Items of different lengths; their classes are the model's, or two where it has none.
LabelledItems conformance_items(const ModelSpec& spec);

}  // namespace assay
