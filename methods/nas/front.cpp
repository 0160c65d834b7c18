// The stage that times every network of the front.

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "methods/nas/latency.h"
#include "methods/nas/networks.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

void tell(FitContext& context, std::size_t evaluation, double predicted,
          const subnetwork::LatencyRatio& timed) {
  const std::string number = fmt::format("/evaluation.{}", evaluation + 1);
  context.metric("front/predicted" + number, predicted);
  context.metric("front/timed" + number, timed.ratio);
  context.metric("front/timed_lo" + number, timed.lo);
  context.metric("front/timed_hi" + number, timed.hi);
}

}  // namespace

Artefact time_front(const Model& model, FitContext& context, const Params& params) {
  const Json& searched = context.input(kSearch).plan;
  const subnetwork::LatencyModel predict = latency_model_of(context.input(kLatency));
  const subnetwork::NetworkSpace space(model.spec(), space_settings(params),
                                       orders_of(context.input(kSort)).layers);
  NetworkClock clock(model, latency_work(params));
  Json timed = Json::array();
  double errors = 0;
  const auto front = searched.at("front").get<std::vector<std::size_t>>();
  for (const std::size_t evaluation : front) {
    const auto values =
        searched.at("evaluations").at(evaluation).at("values").get<std::vector<std::int64_t>>();
    const subnetwork::SubNetwork network =
        space.network(search::point_from_values(space.space(), values));
    const double predicted = predict(model.spec(), subnetwork::spec_of_part(model.spec(), network));
    const subnetwork::LatencyRatio ratio = clock(network);
    errors += std::abs(predicted / ratio.ratio - 1);
    tell(context, evaluation, predicted, ratio);
    timed.push_back({{"evaluation", evaluation}, {"timed", ratio.ratio}});
    context.progress(std::ssize(timed), std::ssize(front), "networks of the front timed");
  }
  if (!front.empty()) context.metric("front/error", errors / static_cast<double>(front.size()));
  return {.plan = {{"front", std::move(timed)}}, .tensors = {}};
}

}  // namespace assay::nas
