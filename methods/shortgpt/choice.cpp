#include "methods/shortgpt/choice.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/python_random.h"
#include "harness/method/layerwise.h"

namespace assay::shortgpt {
namespace {

void require_finite(double score, std::int64_t layer, const char* what) {
  if (std::isfinite(score)) return;
  throw UserError(
      fmt::format("layer {}: its {} is {}, so layers cannot be compared; look for NaN in the "
                  "checkpoint",
                  layer, what, score));
}

/// Sum over the rows.
double sum_of_cosines(const at::Tensor& before, const at::Tensor& after) {
  const at::Tensor a = before.to(at::kDouble), b = after.to(at::kDouble);
  const at::Tensor norms = a.norm(2, 1).mul_(b.norm(2, 1));
  const at::Tensor cosines =
      (a * b).sum(1).div_(norms.clamp_min_(std::numeric_limits<double>::min()));
  return cosines.sum().item<double>();
}

/// Lowest score first; of equal ones the lower index.
std::vector<std::int64_t> ascending(const LayerScores& scores) {
  std::vector<std::int64_t> order;
  for (const auto& [layer, score] : scores) order.push_back(layer);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return scores.at(a) < scores.at(b); });
  return order;
}

/// Losses of a model on the calibration text, with some of its layers left out.
class Losses {
 public:
  Losses(const Model& model, FitContext& context)
      : model_(model), context_(context), tokens_(context.calibration()) {
    if (tokens_.size(1) > 1) return;
    throw UserError(
        "by = 'perplexity' predicts each token from those before it, and the calibration samples "
        "have 1 token; set calibration.tokens to 2 or more");
  }

  /// Mean loss without `dropped` and without one more layer, for each that is left.
  LayerScores without_one_more(const std::set<std::int64_t>& dropped) {
    WalkOptions options;
    options.calibrate_on = CalibrateOn::kDense;
    options.without = dropped;
    LayerScores sums;
    double whole = 0;
    for_each_layer(model_, context_, options, [&](LayerVisit& visit) -> std::optional<Layer> {
      const std::int64_t index = visit.index();
      visit.observe([&](const RowsAround& rows) {
        sums[index] += sum_from(index + 1, rows.before, rows, dropped);
        const bool complete = dropped.empty() && index + 1 == model_.layer_count();
        if (complete) whole += sum_of(rows.after, rows);
      });
      return std::nullopt;
    });
    if (dropped.empty()) context_.metric("perplexity/dense", std::exp(whole / predictions()));
    for (auto& [layer, sum] : sums) {
      sum /= predictions();
      require_finite(sum, layer, "loss without it");
    }
    return sums;
  }

 private:
  [[nodiscard]] double predictions() const {
    return static_cast<double>(tokens_.size(0) * (tokens_.size(1) - 1));
  }

  /// Runs the rows through the layers from `first` on that are not dropped.
  [[nodiscard]] double sum_from(std::int64_t first, at::Tensor rows, const RowsAround& batch,
                                const std::set<std::int64_t>& dropped) const {
    for (std::int64_t i = first; i < model_.layer_count(); ++i) {
      if (dropped.contains(i)) continue;
      rows =
          model_.run_layer(model_.layers()[static_cast<std::size_t>(i)], i, rows, batch.sequences);
    }
    return sum_of(rows, batch);
  }

  /// Rows after the last layer -> the sum of the losses of all tokens but the first of each sample.
  [[nodiscard]] double sum_of(const at::Tensor& rows, const RowsAround& batch) const {
    const std::int64_t predicted = tokens_.size(1) - 1;
    const at::Tensor hidden = model_.finish(rows)
                                  .view({batch.sequences, tokens_.size(1), -1})
                                  .narrow(1, 0, predicted)
                                  .flatten(0, 1);
    const at::Tensor targets = tokens_.narrow(0, batch.first, batch.sequences)
                                   .narrow(1, 1, predicted)
                                   .flatten()
                                   .to(model_.device());
    return -model_.log_likelihood(hidden, targets).to(at::kDouble).sum().item<double>();
  }

  const Model& model_;
  FitContext& context_;
  at::Tensor tokens_;
};

}  // namespace

LayerScores block_influences(const Model& model, FitContext& context) {
  WalkOptions options;
  options.calibrate_on = CalibrateOn::kDense;
  const auto tokens = static_cast<double>(context.calibration().numel());
  LayerScores influences;
  for_each_layer(model, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
    double cosines = 0;
    visit.observe(
        [&](const RowsAround& rows) { cosines += sum_of_cosines(rows.before, rows.after); });
    influences[visit.index()] = 1 - cosines / tokens;
    require_finite(influences[visit.index()], visit.index(), "influence");
    return std::nullopt;
  });
  return influences;
}

Choice choose_by_influence(const Model& model, FitContext& context, std::int64_t count) {
  const LayerScores influences = block_influences(model, context);
  for (const auto& [layer, influence] : influences) {
    context.metric(fmt::format("block_influence/layer.{}", layer), influence);
  }
  std::vector<std::int64_t> dropped = ascending(influences);
  dropped.resize(static_cast<std::size_t>(count));
  return {std::move(dropped), {influences}};
}

Choice choose_by_perplexity(const Model& model, FitContext& context, std::int64_t count) {
  Losses losses(model, context);
  Choice choice;
  std::set<std::int64_t> dropped;
  while (std::ssize(choice.dropped) < count) {
    choice.rounds.push_back(losses.without_one_more(dropped));
    const LayerScores& scores = choice.rounds.back();
    choice.dropped.push_back(ascending(scores).front());
    dropped.insert(choice.dropped.back());
    context.metric(fmt::format("perplexity/dropped.{}", dropped.size()),
                   std::exp(scores.at(choice.dropped.back())));
    if (choice.rounds.size() > 1) continue;
    for (const auto& [layer, loss] : scores) {
      context.metric(fmt::format("perplexity/without_layer.{}", layer), std::exp(loss));
    }
  }
  return choice;
}

Choice choose_at_random(std::int64_t layers, std::uint64_t seed, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(layers));
  std::iota(order.begin(), order.end(), 0);
  PythonRandom random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(order[static_cast<std::size_t>(i)],
              order[static_cast<std::size_t>(random.randint(i, layers - 1))]);
  }
  order.resize(static_cast<std::size_t>(count));
  return {std::move(order), {}};
}

}  // namespace assay::shortgpt
