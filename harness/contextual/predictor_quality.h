#pragma once
// How good predictions are, compared with what they stand for.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace assay {

/// Counts over rows and outputs; add up over batches.
struct PredictionHits {
  std::int64_t rows = 0;
  std::int64_t positives = 0;  ///< labels that are 1
  std::int64_t predicted = 0;
  std::int64_t hits = 0;  ///< predicted, and 1

  /// Mean number of hits of a row by the mean number of positives, as DejaVu's code has it (a mean
  /// over rows of their own recalls is another number). NaN without positives.
  [[nodiscard]] double recall() const;
  /// Share of the predicted ones that are 1. NaN where nothing is predicted.
  [[nodiscard]] double precision() const;
  /// Mean over rows. NaN without rows.
  [[nodiscard]] double predicted_a_row() const;
  PredictionHits& operator+=(const PredictionHits& other);
};

/// scores and labels (bool, or 0 and 1) [rows, n]. Predicted is what is at or above the threshold.
/// For logits 0 is a probability of one half. Throws NonFiniteValue for scores that are NaN.
PredictionHits hits_at_threshold(const at::Tensor& scores, const at::Tensor& labels,
                                 double threshold = 0);

/// The same; predicted are the `k` highest scores of each row. Which of equal ones at the edge is
/// not said. k from 0 to n.
PredictionHits hits_at_k(const at::Tensor& scores, const at::Tensor& labels, std::int64_t k);

/// Spearman's rank correlation of each sample, and what became of the others.
struct RankCorrelation {
  /// Of the samples that have one.
  double mean = std::numeric_limits<double>::quiet_NaN();
  std::int64_t samples = 0;     ///< that have one
  std::int64_t constant = 0;    ///< left out: all scores equal, or all wanted ones
  std::int64_t not_finite = 0;  ///< left out: a value is NaN
  std::vector<double> each;     ///< NaN where left out
};

/// found and wanted [samples, n] in any floating dtype. Equal values share the mean of their ranks,
/// as in scipy.stats.spearmanr.
RankCorrelation rank_correlation(const at::Tensor& found, const at::Tensor& wanted);

}  // namespace assay
