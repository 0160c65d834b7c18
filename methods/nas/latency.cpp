#include "methods/nas/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "harness/stats/intervals.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/network_timer.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using search::Point;
using subnetwork::LatencyModel;
using subnetwork::LatencyRatio;

/// Networks that are drawn for each that is timed.
constexpr std::int64_t kDrawnForOne = 20;

/// The smallest network, and others at equal distances in the order of their sizes; the largest is
/// what all are timed beside.
std::vector<Point> networks_to_time(const search::Space& space, std::int64_t count,
                                    std::uint64_t seed) {
  PythonRandom random(seed);
  std::vector<Point> drawn = {search::smallest_point(space)};
  for (std::int64_t i = 0; i < count * kDrawnForOne; ++i) {
    Point point = search::random_point(space, random);
    if (std::find(drawn.begin(), drawn.end(), point) == drawn.end()) drawn.push_back(point);
  }
  std::stable_sort(drawn.begin(), drawn.end(),
                   [&](const Point& a, const Point& b) { return space.size(a) < space.size(b); });
  std::vector<Point> chosen;
  const auto last = static_cast<std::int64_t>(drawn.size()) - 1;
  for (std::int64_t i = 0; i < std::min(count, last + 1); ++i) {
    const std::int64_t place = count > 1 ? i * last / (count - 1) : 0;
    Point& point = drawn[static_cast<std::size_t>(place)];
    if (chosen.empty() || chosen.back() != point) chosen.push_back(point);
  }
  return chosen;
}

}  // namespace

Artefact time_networks(const Model& model, FitContext& context, const Params& params) {
  const subnetwork::NetworkSpace space(model.spec(), space_settings(params), {});
  const std::vector<Point> points =
      networks_to_time(space.space(), params.get_int("latency_networks"), context.seed());
  NetworkClock clock(model, latency_work(params));
  std::vector<ModelSpec> parts = {model.spec()};
  std::vector<double> ratios = {1};
  Json timed = Json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    const subnetwork::SubNetwork network = space.network(points[i]);
    const LatencyRatio ratio = clock(network);
    parts.push_back(subnetwork::spec_of_part(model.spec(), network));
    ratios.push_back(ratio.ratio);
    timed.push_back({{"values", search::values_of(space.space(), points[i])},
                     {"ratio", ratio.ratio},
                     {"lo", ratio.lo},
                     {"hi", ratio.hi}});
    context.progress(std::ssize(timed), std::ssize(points), "networks timed");
  }
  context.metric("latency/networks", static_cast<double>(points.size()));
  context.metric("latency/full_seconds", clock.whole_seconds());
  context.metric("latency/error", subnetwork::left_out_error(model.spec(), parts, ratios));
  return {.plan = {{"timed", std::move(timed)},
                   {"model", LatencyModel(model.spec(), parts, ratios).to_json()}},
          .tensors = {}};
}

subnetwork::LatencyModel latency_model_of(const Artefact& latency) {
  return LatencyModel::from_json(latency.plan.at("model"));
}

NetworkClock::NetworkClock(const Model& whole, const subnetwork::LatencyWork& work)
    : whole_(whole), work_(work), of_whole_(whole, work) {}

LatencyRatio NetworkClock::operator()(const subnetwork::SubNetwork& network) {
  Model part = whole_.share();
  subnetwork::extract(part, network);
  subnetwork::NetworkTimer of_part(part, work_);
  return subnetwork::time_beside([this] { return of_whole_(); }, [&] { return of_part(); });
}

double NetworkClock::whole_seconds() {
  std::vector<double> seconds;
  for (int i = 0; i < subnetwork::kLatencyRounds; ++i) seconds.push_back(of_whole_());
  return median(seconds);
}

}  // namespace assay::nas
