#pragma once
// One score a head or neuron over many sequences: what a mask that does not look at the input is
// made of (the "aggregate" mode of ShadowLLM, arXiv 2406.16635).

#include <memory>

#include "harness/contextual/criteria.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/layer_scores.h"

namespace assay {

class StaticScores {
 public:
  virtual ~StaticScores() = default;
  /// Evidence of the criterion's kind. Throws as head_scores() and neuron_scores() do.
  virtual void add(const SequenceEvidence& evidence) = 0;
  /// Throw std::logic_error where nothing was added, or the criterion has no such scores.
  [[nodiscard]] virtual LayerScores heads() const = 0;
  [[nodiscard]] virtual LayerScores neurons() const = 0;
};

/// Empty at first. What becomes of sequences depends on the criterion:
///
/// * traced ones: the sum of the scores of the sequences. (nwot of neurons: 0 for a sequence in
///   which a neuron is always active, where the released sum becomes -infinity.)
/// * jacov: over the rows of dL/da of one head, in the order of the sequences and their tokens,
///   C = Pearson correlations between the first 200 rows whose sum is not 0, v = |eigenvalues of
///   C|:
///     score = -sum of log(v + k) + 1 / (v + k), k = 1e-5.
///   The released code draws 200 such rows ten times and takes the mean; taking the first ones
///   instead is the same every time. Each of the zero eigenvalues adds about -1e5.
/// * epenas: for each token c that was scored more than 4 times,
///     s_c = sum over pairs of log(|C| + 1e-5),
///   C between the rows of dL/da that predict c, those before its places; score = sum over c, c' of
///   |s_c - s_c'|. A token with a row that is constant has no correlations and is left out.
///
/// jacov and epenas throw NonFiniteValue that names criterion and layer where correlations do not
/// exist at all (heads of one dimension).
std::unique_ptr<StaticScores> static_scores(const Criterion& criterion);

}  // namespace assay
