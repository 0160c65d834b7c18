#include "harness/method/layerwise.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/param_makers.h"

namespace assay {
namespace {

/// Who looks on while a layer runs.
struct Watcher {
  ActivationRecorder* recorder = nullptr;
  const SeeRows* see = nullptr;
};

/// The hidden rows of all calibration sequences, walked in batches of whole sequences.
class Walk {
 public:
  Walk(const Model& model, FitContext& context, const WalkOptions& options)
      : model_(model), context_(context), tokens_(context.calibration()) {
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      if (!options.without.contains(i)) layers_.push_back(i);
    }
    const std::int64_t fit = options.batch_tokens / std::max<std::int64_t>(1, tokens_.size(1));
    batch_ = std::clamp<std::int64_t>(fit, 1, tokens_.size(0));
    const bool apart = options.calibrate_on == CalibrateOn::kCompressed;
    const std::int64_t passes = options.observations + (apart ? 1 : 0);
    const std::int64_t batches = (tokens_.size(0) + batch_ - 1) / batch_;
    total_ = static_cast<std::int64_t>(layers_.size()) * passes * batches;
    // Nobody reads what the last pruned layer would give.
    if (apart && !layers_.empty()) total_ -= batches;
  }

  void embed() {
    for (std::int64_t first = 0; first < tokens_.size(0); first += batch_) {
      const std::int64_t count = std::min(batch_, tokens_.size(0) - first);
      const at::Tensor rows =
          model_.embed(tokens_.narrow(0, first, count).to(model_.device()).contiguous());
      if (!rows_.defined()) {
        rows_ = at::empty({tokens_.size(0) * tokens_.size(1), rows.size(1)}, rows.options());
      }
      place(first, count).copy_(rows);
    }
  }

  /// Runs one layer over everything; keeps its outputs as the next inputs when `advance`.
  void run(const Layer& layer, std::int64_t index, const Watcher& watcher, bool advance) {
    for (std::int64_t first = 0; first < tokens_.size(0); first += batch_) {
      context_.progress(std::min(done_++, total_ - 1), total_,
                        fmt::format("layer {} of {}", index + 1, model_.layer_count()));
      const std::int64_t count = std::min(batch_, tokens_.size(0) - first);
      at::Tensor rows = place(first, count);
      const at::Tensor out = model_.run_layer(layer, index, rows, count, watcher.recorder);
      if (watcher.see != nullptr) (*watcher.see)({first, count, rows, out});
      if (advance) rows.copy_(out);
    }
  }

  void finish() { context_.progress(total_, total_, "all layers done"); }
  /// Those that are visited.
  [[nodiscard]] const std::vector<std::int64_t>& layers() const { return layers_; }

 private:
  [[nodiscard]] at::Tensor place(std::int64_t first, std::int64_t count) const {
    return rows_.narrow(0, first * tokens_.size(1), count * tokens_.size(1));
  }

  const Model& model_;
  FitContext& context_;
  at::Tensor tokens_;
  at::Tensor rows_;
  std::vector<std::int64_t> layers_;
  std::int64_t batch_ = 1;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;
};

/// With dense propagation the last expected observation is also the step to the next layer.
class Visit final : public LayerVisit {
 public:
  Visit(Walk& walk, const Layer& layer, std::int64_t index, const WalkOptions& options)
      : walk_(walk), layer_(layer), index_(index), options_(options) {}

  [[nodiscard]] std::int64_t index() const override { return index_; }
  [[nodiscard]] const Layer& layer() const override { return layer_; }
  void observe(ActivationRecorder& recorder) override { run({&recorder, nullptr}); }
  void observe(const SeeRows& see) override { run({nullptr, &see}); }
  [[nodiscard]] bool advanced() const { return advanced_; }

 private:
  void run(const Watcher& watcher) {
    if (advanced_) throw std::logic_error("a layer was observed more often than announced");
    const bool last = ++observed_ == options_.observations;
    advanced_ = last && options_.calibrate_on == CalibrateOn::kDense;
    walk_.run(layer_, index_, watcher, advanced_);
  }

  Walk& walk_;
  const Layer& layer_;
  std::int64_t index_;
  const WalkOptions& options_;
  std::int64_t observed_ = 0;
  bool advanced_ = false;
};

void warn_of_idle(FitContext& context, std::int64_t layer, const LayerStatistics& statistics) {
  const std::vector<std::int64_t> idle = statistics.idle_experts();
  if (idle.empty()) return;
  context.warn(
      "idle_experts",
      fmt::format("layer {}: no calibration token took expert {}, which is compressed as if "
                  "its inputs were zeros; use more calibration samples",
                  layer, fmt::join(idle, ", ")));
}

}  // namespace

void InputStatistics::add(const at::Tensor& rows, std::int64_t samples, bool with_gram) {
  const at::Tensor x = rows.to(at::kFloat);
  if (!square_sum_.defined()) {
    square_sum_ = at::zeros({x.size(1)}, x.options().dtype(at::kDouble));
    if (with_gram) gram_sum_ = at::zeros({x.size(1), x.size(1)}, x.options());
  }
  square_sum_.add_(x.square().sum(0));
  if (with_gram) gram_sum_.addmm_(x.t(), x);
  samples_ += samples;
  rows_ += x.size(0);
}

at::Tensor InputStatistics::square_norm() const {
  return square_sum_.div(samples_).to(at::kCPU, at::kFloat);
}

at::Tensor InputStatistics::gram() const {
  return gram_sum_.defined() ? gram_sum_.div(samples_).cpu() : at::Tensor();
}

void LayerStatistics::record(std::int64_t, Tap tap, const at::Tensor& rows,
                             const StepContext& step) {
  taps_[{tap, step.expert}].add(rows, step.batch, with_gram_);
}

const InputStatistics& LayerStatistics::input_of(const SlotPlace& place) const {
  const auto found = taps_.find({input_tap(place.slot), place.expert});
  if (found == taps_.end()) {
    throw std::logic_error("no activations recorded for " + slot_path(-1, place));
  }
  return found->second;
}

std::vector<std::int64_t> LayerStatistics::idle_experts() const {
  std::vector<std::int64_t> idle;
  for (const auto& [place, statistics] : taps_) {
    const auto& [tap, expert] = place;
    if (tap == Tap::kFfnInput && expert >= 0 && statistics.rows() == 0) idle.push_back(expert);
  }
  return idle;
}

ParamSpec calibrate_on_param() {
  return formerly(
      choice_param("calibrate_on", {"compressed", "dense"},
                   "Whether a layer is calibrated on the outputs of compressed or of dense layers "
                   "before it"),
      {"propagate"}, {{"pruned", "compressed"}});
}

CalibrateOn calibrate_on_value(const Params& params) {
  return params.get_text("calibrate_on") == "dense" ? CalibrateOn::kDense
                                                    : CalibrateOn::kCompressed;
}

void for_each_layer(const Model& model, FitContext& context, const WalkOptions& options,
                    const VisitLayer& visit) {
  const bool dense = options.calibrate_on == CalibrateOn::kDense;
  Walk walk(model, context, options);
  walk.embed();
  for (const std::int64_t index : walk.layers()) {
    const Layer& original = model.layers()[static_cast<std::size_t>(index)];
    Visit here(walk, original, index, options);
    const std::optional<Layer> changed = visit(here);
    const bool last = index == walk.layers().back();
    if (last || here.advanced()) continue;
    walk.run(changed && !dense ? *changed : original, index, {}, true);
  }
  walk.finish();
}

void prune_layer_by_layer(const Model& model, FitContext& context, const LayerwiseOptions& options,
                          const PruneLayer& prune) {
  const WalkOptions walk{options.calibrate_on, 1, options.batch_tokens};
  for_each_layer(model, context, walk, [&](LayerVisit& visit) -> std::optional<Layer> {
    LayerStatistics statistics(options.with_gram);
    visit.observe(statistics);
    warn_of_idle(context, visit.index(), statistics);
    Layer pruned = visit.layer().clone();
    prune(visit.index(), pruned, statistics);
    return pruned;
  });
}

}  // namespace assay
