#include "harness/search/search.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "harness/base/cell_errors.h"
#include "harness/subnetwork/extract.h"
#include "methods/nas/latency.h"
#include "methods/nas/networks.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using search::Evaluation;
using search::Objectives;
using subnetwork::QualityMetric;

/// What all scores alike would give.
double guess_quality(QualityMetric metric, std::int64_t outputs) {
  return metric == QualityMetric::kError ? 1 : std::log(static_cast<double>(outputs));
}

class Search {
 public:
  Search(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        params_(params),
        super_(super_network(model, context.input(kSort), context.input(kSuper), context.seed())),
        latency_(by_latency(params) ? latency_model_of(context.input(kLatency))
                                    : subnetwork::LatencyModel()),
        space_(super_.spec(), searched_space_settings(params, latency_),
               orders_of(context.input(kSort)).layers),
        judge_(held_out_material(super_, context, params), super_, quality_metric(params),
               params.get_int("batch")) {
    if (by_clock(params)) clock_.emplace(super_, latency_work(params));
  }

  Artefact run() {
    full_quality_ = judge_(super_);
    context_.metric("search/quality/full", full_quality_);
    result_ = search::run_search(task());
    for (const search::Remark& remark : result_.remarks) context_.warn(remark.code, remark.text);
    require_reference();
    tell();
    return {.plan = plan(), .tensors = {}};
  }

 private:
  [[nodiscard]] search::SearchTask task() {
    search::SearchTask task;
    task.space = &space_.space();
    task.searcher = params_.get_text("searcher");
    task.settings = searcher_settings(params_, context_.seed());
    task.identity = identity();
    task.folder = context_.checkpoints() / "search";
    task.evaluate = [this](const search::Asked& asked) { return answer(asked); };
    task.on_evaluation = [this](const Evaluation&, double spent) {
      context_.progress(std::llround(spent), params_.get_int("evaluations"), "search");
    };
    return task;
  }

  search::Answer answer(const search::Asked& asked) {
    const subnetwork::SubNetwork part = space_.network(asked.point);
    Model network = super_.share();
    subnetwork::extract(network, part);
    const double quality = judge_(network, asked.fidelity);
    return Objectives{quality, clock_ ? (*clock_)(part).ratio : space_.space().size(asked.point)};
  }

  [[nodiscard]] Json identity() const {
    return {{"super_network", super_.content_hash()},
            {"held_out", judge_.material().identity()},
            {"quality", params_.get_text("quality")},
            {"cost", params_.get_text("cost")},
            {"macs_tokens", params_.get_int("macs_tokens")},
            {"latency", latency_.to_json()},
            {"latency_by", params_.get_text("latency_by")},
            {"layers", orders_of(context_.input(kSort)).layers}};
  }

  [[nodiscard]] double reference_quality() const {
    const double given = params_.get_real("reference_quality");
    return given > 0 ? given : guess_quality(quality_metric(params_), super_.output().outputs());
  }

  void require_reference() const {
    double best = HUGE_VAL;
    for (const std::size_t i : result_.front) {
      best = std::min(best, result_.evaluations[i].objectives[0]);
    }
    if (params_.get_real("reference_quality") == 0 || best < reference_quality()) return;
    throw DoesNotApply(fmt::format(
        "reference_quality = {} is inside the front: the best network has a {} of {:.5g}; set it "
        "above what any network of interest has, or 0 for that of a guess",
        reference_quality(), params_.get_text("quality"), best));
  }

  /// Of the first `count` evaluations, as a share of the area below the reference.
  [[nodiscard]] double hypervolume_of_first(std::size_t count) const {
    std::vector<Objectives> points;
    for (std::size_t i = 0; i < count; ++i) {
      const Evaluation& e = result_.evaluations[i];
      if (e.fidelity == 1 && std::isfinite(e.objectives[0])) points.push_back(e.objectives);
    }
    return search::hypervolume(points, {reference_quality(), 1}) / reference_quality();
  }

  void tell() const {
    double seconds = 0;
    for (std::size_t i = 0; i < result_.evaluations.size(); ++i) {
      const Evaluation& e = result_.evaluations[i];
      seconds += e.seconds;
      const std::string number = fmt::format("/evaluation.{}", i + 1);
      context_.metric("search/cost" + number, e.objectives[1]);
      if (std::isfinite(e.objectives[0])) {
        context_.metric("search/quality" + number, e.objectives[0]);
      }
      if (e.fidelity < 1) context_.metric("search/fidelity" + number, e.fidelity);
      context_.metric("search/hypervolume" + number, hypervolume_of_first(i + 1));
    }
    context_.metric("search/evaluations", static_cast<double>(result_.evaluations.size()));
    context_.metric("search/seconds", seconds);
    context_.metric("search/front", static_cast<double>(result_.front.size()));
    context_.metric("search/hypervolume", hypervolume_of_first(result_.evaluations.size()));
    context_.metric("search/floor", space_.floor());
  }

  [[nodiscard]] Json plan() const {
    Json evaluations = Json::array();
    for (const Evaluation& e : result_.evaluations) {
      const double quality = e.objectives[0];
      evaluations.push_back({{"values", search::values_of(space_.space(), e.point)},
                             {"fidelity", e.fidelity},
                             {"quality", std::isfinite(quality) ? Json(quality) : Json(nullptr)},
                             {"cost", e.objectives[1]}});
    }
    return {{"evaluations", std::move(evaluations)},
            {"front", result_.front},
            {"floor", space_.floor()},
            {"full_quality", full_quality_},
            {"reference", {reference_quality(), 1}},
            {"hypervolume", hypervolume_of_first(result_.evaluations.size())}};
  }

  FitContext& context_;
  const Params& params_;
  Model super_;
  subnetwork::LatencyModel latency_;  ///< empty unless cost = "latency"
  std::optional<NetworkClock> clock_;
  subnetwork::NetworkSpace space_;
  subnetwork::Judge judge_;
  double full_quality_ = 0;
  search::SearchResult result_;
};

}  // namespace

Artefact search_networks(const Model& model, FitContext& context, const Params& params) {
  return Search(model, context, params).run();
}

}  // namespace assay::nas
