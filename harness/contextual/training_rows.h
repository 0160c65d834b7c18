#pragma once
// What the trainings of predictors share: their rows, and the predictor as something that trains.

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/contextual/predictor.h"
#include "harness/train/adamw.h"
#include "harness/train/train_hooks.h"

namespace assay {

enum class SplitBy {
  kPosition,  ///< the last rows are held out, as DejaVu's code does: other documents, the end of
              ///< one
  kRandom,    ///< rows are held out at random, from the seed
};

/// Indices of rows.
struct RowSplit {
  std::vector<std::int64_t> train, held_out;
};
/// Trains on int(rows * (1 - share)) of them. A share of 0 holds nothing out. Throws DoesNotApply,
/// saying how many rows there are, where one part would be empty.
RowSplit split_rows(std::vector<std::int64_t> rows, double held_out_share, SplitBy by,
                    std::uint64_t seed);

/// int64 [n]
at::Tensor index_of(std::span<const std::int64_t> rows);
/// 0 to count - 1.
std::vector<std::int64_t> all_rows(std::int64_t count);

/// Calls with parts of at most `most` rows, in order.
template <typename Do>
void for_each_part(std::span<const std::int64_t> rows, std::int64_t most, Do&& act) {
  for (std::size_t begin = 0; begin < rows.size(); begin += static_cast<std::size_t>(most)) {
    act(rows.subspan(begin, std::min(static_cast<std::size_t>(most), rows.size() - begin)));
  }
}

/// Throws NonFiniteValue ("predictor_inputs") that counts the rows of `inputs` [rows, d] with NaN
/// or infinity and names the training and the first of them.
void require_finite_rows(const at::Tensor& inputs, const std::string& training);

/// Remarks ("predictor_few_rows") where fewer rows train than the predictor's inputs are wide.
void warn_of_few_rows(std::int64_t rows, const Predictor& predictor, const TrainHooks& hooks);

/// Where its tensors are.
at::Device predictor_device(const Predictor& predictor);

/// While it lives, the predictor's tensors are leaves of their own that ask for gradients.
class TrainedPredictor {
 public:
  /// Every tensor decays, as torch.optim.AdamW has it. Throws std::logic_error unless all are fp32.
  TrainedPredictor(Predictor& predictor, double weight_decay);
  ~TrainedPredictor();
  TrainedPredictor(const TrainedPredictor&) = delete;
  TrainedPredictor& operator=(const TrainedPredictor&) = delete;
  [[nodiscard]] const std::vector<TrainedTensor>& tensors() const { return tensors_; }

 private:
  std::vector<TrainedTensor> tensors_;
};

}  // namespace assay
