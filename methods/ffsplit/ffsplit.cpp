// FFSplit (arXiv 2401.04044): a feed-forward block in two parts, a compressor for each.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "harness/base/cell_errors.h"
#include "harness/method/ffn_widths.h"
#include "harness/method/masks.h"
#include "harness/method/sparsity.h"
#include "methods/ffsplit/parts.h"
#include "methods/ffsplit/scores.h"

namespace assay {
namespace ffsplit {
namespace {

/// Norms of the neurons' rows of the down projection (its columns here), f64.
at::Tensor down_norms(const Layer& layer) {
  return weight_for_fit(layer.dense(Slot::kDown)).to(at::kDouble).norm(2, 0);
}

class Fit {
 public:
  Fit(const Model& model, FitContext& context, const Params& params)
      : model_(model),
        context_(context),
        settings_(read_settings(params)),
        shape_(ffn_shape(model.spec())) {}

  Artefact run() {
    plan_sizes();
    WalkOptions options;
    options.calibrate_on = settings_.calibrate_on;
    for_each_layer(model_, context_, options, [&](LayerVisit& visit) -> std::optional<Layer> {
      FfnRecorder recorder(recorder_options(settings_.needs_gram()));
      visit.observe(recorder);
      split(visit, recorder);
      if (settings_.calibrate_on == CalibrateOn::kDense) return std::nullopt;
      Layer changed = visit.layer().clone();
      split_layer(changed, visit.index(), model_.spec(), artefact_);
      return changed;
    });
    report();
    return std::move(artefact_);
  }

 private:
  [[nodiscard]] FfnRecorderOptions recorder_options(bool with_gram) const {
    const double top = settings_.top_share * static_cast<double>(shape_.neurons);
    const bool counts = settings_.score == ScoreMode::kTopFrequency;
    return {settings_.first_tokens,
            counts ? std::clamp<std::int64_t>(std::llround(top), 1, shape_.neurons) : 0, with_gram};
  }

  [[nodiscard]] at::Tensor scores_of(std::int64_t index, const FfnRecorder& recorder,
                                     ScoreMode mode, const at::Tensor& norms) const {
    at::Tensor scores = score_neurons(mode, recorder.neurons(), norms);
    require_finite_scores(scores, fmt::format("layer.{}.ffn", index));
    return scores;
  }

  /// One pass over the dense model, for a ranking over all layers.
  std::vector<std::int64_t> global_heavy() {
    std::vector<at::Tensor> scores;
    const WalkOptions dense{CalibrateOn::kDense};
    for_each_layer(model_, context_, dense, [&](LayerVisit& visit) -> std::optional<Layer> {
      FfnRecorder recorder(recorder_options(false));
      visit.observe(recorder);
      scores.push_back(
          scores_of(visit.index(), recorder, settings_.score, down_norms(visit.layer())));
      return std::nullopt;
    });
    return global_counts(scores, settings_.p, settings_.align);
  }

  /// What the denominator holds beside the feed-forward blocks.
  [[nodiscard]] Size rest() const {
    if (settings_.denominator != Denominator::kModelParams &&
        settings_.denominator != Denominator::kModelBytes) {
      return {};
    }
    const Cost all = model_.cost();
    const Size block = dense_size(shape_);
    return {all.params - model_.layer_count() * block.params,
            all.resident_bytes - model_.layer_count() * block.bytes};
  }

  void plan_sizes() {
    UniformCounts counts = uniform_counts(settings_, shape_, model_.layer_count());
    if (settings_.global) counts = {global_heavy(), ""};
    const Sizing sizing = solve(settings_, shape_, std::move(counts.heavy), rest());
    const std::string& problem = counts.problem.empty() ? sizing.problem : counts.problem;
    if (!problem.empty()) throw DoesNotApply(problem);
    plan_ = sizing.plan;
  }

  void split(LayerVisit& visit, const FfnRecorder& recorder) {
    const std::int64_t index = visit.index();
    const at::Tensor norms = down_norms(visit.layer());
    const at::Tensor scores = scores_of(index, recorder, settings_.score, norms);
    const std::int64_t count = plan_.heavy[static_cast<std::size_t>(index)];
    artefact_.tensors[fmt::format("layer.{}.scores", index)] = scores.to(at::kFloat);
    context_.metric(fmt::format("heavy_hitters/layer.{}", index), static_cast<double>(count));
    if (count > 0 && count < shape_.neurons) report_overlap(index, recorder, norms, count);
    compress_layer(visit.layer(), {index, heaviest(scores, count), &recorder}, settings_, plan_,
                   context_, artefact_);
  }

  /// The two readings of the paper's importance score.
  void report_overlap(std::int64_t index, const FfnRecorder& recorder, const at::Tensor& norms,
                      std::int64_t count) {
    const at::Tensor a = scores_of(index, recorder, ScoreMode::kNorm, norms);
    const at::Tensor b = scores_of(index, recorder, ScoreMode::kNormTimesDown, norms);
    overlaps_.push_back(jaccard(heaviest(a, count), heaviest(b, count)));
    context_.metric(fmt::format("score_overlap/layer.{}", index), overlaps_.back());
  }

  void report() {
    Size split = rest(), dense = rest(), blocks;
    for (const std::int64_t heavy : plan_.heavy) {
      blocks += split_size(shape_, plan_.parts, heavy);
      dense += dense_size(shape_);
    }
    split += blocks;
    const auto numerator = static_cast<double>(split.in(settings_.denominator));
    const auto denominator = static_cast<double>(dense.in(settings_.denominator));
    context_.metric("size/numerator", numerator);
    context_.metric("size/denominator", denominator);
    context_.metric("size/reduction", 1 - numerator / denominator);
    context_.metric("ffn/params", static_cast<double>(blocks.params));
    context_.metric("ffn/bytes", static_cast<double>(blocks.bytes));
    report_averages(blocks);
  }

  void report_averages(const Size& blocks) {
    const auto layers = static_cast<double>(plan_.heavy.size());
    const double heavy = std::accumulate(plan_.heavy.begin(), plan_.heavy.end(), 0.0) / layers;
    const auto whole = static_cast<double>(dense_size(shape_).params) * layers;
    context_.metric("heavy_hitters", heavy);
    context_.metric("p", heavy / static_cast<double>(shape_.neurons));
    context_.metric("rank", static_cast<double>(
                                is_low_rank(plan_.parts[1].compressor) ? plan_.parts[1].rank : 0));
    context_.metric("average_bits", 8 * static_cast<double>(blocks.bytes) / whole);
    if (overlaps_.empty()) return;
    context_.metric("score_overlap", std::accumulate(overlaps_.begin(), overlaps_.end(), 0.0) /
                                         static_cast<double>(overlaps_.size()));
  }

  const Model& model_;
  FitContext& context_;
  Settings settings_;
  FfnShape shape_;
  Plan plan_;
  Artefact artefact_;
  std::vector<double> overlaps_;
};

class FfSplit final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "ffsplit";
    info.summary =
        "Splits feed-forward blocks into heavy-hitter neurons and the rest, with a "
        "compressor for each";
    info.citation =
        "Liu et al., FFSplit: Split Feed-Forward Network For Optimizing Accuracy-Efficiency "
        "Trade-off in Language Model Inference, 2024, arXiv 2401.04044";
    info.params = param_specs();
    info.needs.calibration = true;
    return info;
  }

  /// What can be known before the model is walked: not the sizes of a ranking over all layers, nor
  /// those of a whole model; fitting finds out about these.
  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    const Settings settings = read_settings(params);
    std::vector<std::string> problems = setting_problems(settings);
    const std::string unlike = unlike_ffn_problem(spec);
    if (!unlike.empty()) problems.push_back(unlike);
    const bool known = settings.denominator == Denominator::kFfnParams ||
                       settings.denominator == Denominator::kFfnBytes;
    if (!problems.empty() || settings.global) return problems;
    UniformCounts counts = uniform_counts(settings, ffn_shape(spec), spec.layers);
    if (!counts.problem.empty()) return {counts.problem};
    if (!known) return {};
    const Sizing sizing = solve(settings, ffn_shape(spec), std::move(counts.heavy), {});
    if (!sizing.problem.empty()) problems.push_back(sizing.problem);
    return problems;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    return Fit(model, context, params).run();
  }

  void apply(Model& model, const Artefact& artefact) const override {
    for (std::int64_t index = 0; index < model.layer_count(); ++index) {
      split_layer(model.layers()[static_cast<std::size_t>(index)], index, model.spec(), artefact);
    }
  }
};

}  // namespace
}  // namespace ffsplit

void register_ffsplit(MethodRegistry& registry) {
  registry.add(std::make_unique<ffsplit::FfSplit>());
}

}  // namespace assay
