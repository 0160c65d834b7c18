#pragma once
// Calibration layer by layer, as SparseGPT introduced it and Wanda and RIA kept it: the inputs of a
// layer come from the layers before it as they are after pruning, while the statistics inside one
// layer are those of the still dense layer.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "harness/method/method.h"
#include "harness/model/model.h"

namespace assay {

/// Streaming statistics of the rows that reach one tap. A "sample" is one calibration sequence,
/// also where few of its rows, or none, reach an expert: what experts have is of their own rows,
/// over the same number of samples.
class InputStatistics {
 public:
  /// Adds the rows [n, width] of `samples` whole sequences.
  void add(const at::Tensor& rows, std::int64_t samples, bool with_gram);
  /// s_j = mean over samples of ||X_j||^2, summed over a sequence's tokens. f32 [width].
  [[nodiscard]] at::Tensor square_norm() const;
  /// Mean over samples of X^T X, f32 [width, width]; undefined unless asked for.
  [[nodiscard]] at::Tensor gram() const;
  /// Rows that were added.
  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  at::Tensor square_sum_;  ///< f64 [width]
  at::Tensor gram_sum_;    ///< f32 [width, width]
  std::int64_t samples_ = 0;
  std::int64_t rows_ = 0;
};

/// Statistics of one layer's taps; q, k, v share one, gate and up of a block, or of an expert,
/// share one.
class LayerStatistics final : public ActivationRecorder {
 public:
  explicit LayerStatistics(bool with_gram) : with_gram_(with_gram) {}
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows,
              const StepContext& step) override;
  /// Statistics of this linear's input; zeros for an expert that no row took. Throws
  /// std::logic_error when nothing was recorded.
  [[nodiscard]] const InputStatistics& input_of(const SlotPlace& place) const;
  /// Experts that no row took.
  [[nodiscard]] std::vector<std::int64_t> idle_experts() const;

 private:
  bool with_gram_;
  std::map<std::pair<Tap, std::int64_t>, InputStatistics> taps_;  ///< by tap and expert
};

enum class CalibrateOn { kCompressed, kDense };

/// The parameter `calibrate_on`, and its value.
ParamSpec calibrate_on_param();
CalibrateOn calibrate_on_value(const Params& params);

struct WalkOptions {
  CalibrateOn calibrate_on = CalibrateOn::kCompressed;
  std::int64_t observations = 1;     ///< how often a visit calls observe(); exact, or time is lost
  std::int64_t batch_tokens = 4096;  ///< tokens run at once (at least one sequence)
  std::set<std::int64_t> without = {};  ///< layers that are not visited: the rows pass them by
};

/// A batch of whole calibration sequences, on both sides of a layer.
struct RowsAround {
  std::int64_t first = 0;      ///< the first of the sequences
  std::int64_t sequences = 0;  ///< how many
  at::Tensor before, after;    ///< [sequences * tokens, width]; `before` is overwritten later
};
using SeeRows = std::function<void(const RowsAround& rows)>;

/// One layer's turn, while the calibration rows stand before it.
class LayerVisit {
 public:
  virtual ~LayerVisit() = default;
  [[nodiscard]] virtual std::int64_t index() const = 0;
  /// As it is in the model. Clone it to change it.
  [[nodiscard]] virtual const Layer& layer() const = 0;
  /// Runs all calibration rows through it, batch after batch, and tells the recorder. Call it as
  /// often as WalkOptions::observations says (fewer works, and costs a pass).
  virtual void observe(ActivationRecorder& recorder) = 0;
  /// The same, and shows what goes in and what comes out instead. Counts like the other one.
  virtual void observe(const SeeRows& see) = 0;
};

/// Returns the changed layer that the rows shall run through on their way on, or nothing when it
/// stays as it is. With CalibrateOn::kDense the answer is not used.
using VisitLayer = std::function<std::optional<Layer>(LayerVisit&)>;

/// Visits the layers in order. Holds one buffer of [samples * tokens, width] in the model's dtype.
/// Reports progress a batch at a time, so a cancel takes effect within one.
void for_each_layer(const Model& model, FitContext& context, const WalkOptions& options,
                    const VisitLayer& visit);

struct LayerwiseOptions {
  CalibrateOn calibrate_on = CalibrateOn::kCompressed;
  bool with_gram = false;            ///< also collect X^T X
  std::int64_t batch_tokens = 4096;  ///< tokens run at once (at least one sequence)
};

/// Changes a clone of layer `index` in place.
using PruneLayer =
    std::function<void(std::int64_t index, const Layer& layer, const LayerStatistics& inputs)>;

/// for_each_layer() with the statistics that pruners need, on a clone. Experts that no calibration
/// token took are remarked on ("idle_experts"): what is known of their inputs is zeros.
void prune_layer_by_layer(const Model& model, FitContext& context, const LayerwiseOptions& options,
                          const PruneLayer& prune);

}  // namespace assay
