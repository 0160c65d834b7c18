#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "harness/base/cell_errors.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/judge.h"
#include "methods/nas/networks.h"
#include "methods/nas/settings.h"
#include "methods/nas/stages.h"

namespace assay::nas {
namespace {

using search::Point;

/// Networks that are drawn for one bin at most.
constexpr int kMostDraws = 1000;

/// The calibration text as windows.
std::unique_ptr<subnetwork::Material> calibration_windows(const Model& model, FitContext& context) {
  const at::Tensor tokens = context.calibration().to(at::kInt).contiguous();
  const auto* data = tokens.const_data_ptr<std::int32_t>();
  const TrainingText text{.tokens = {data, data + tokens.numel()}, .window = tokens.size(1)};
  return subnetwork::text_material(model, text, 0, tokens.size(0));
}

double magnitude(const Model& network) {
  double sum = 0;
  for (const Parameter& parameter : network.parameters()) {
    sum += parameter.tensor.to(at::kDouble).abs().sum().item<double>();
  }
  return sum;
}

class Grid {
 public:
  Grid(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        settings_(grid_settings(params)),
        super_(ordered_model(model, context.input(kSort))),
        space_(super_.spec(), space_settings(params), orders_of(context.input(kSort)).layers),
        random_(context.seed()) {
    if (settings_.by == GridBy::kPerplexity) {
      judge_.emplace(calibration_windows(super_, context), super_, subnetwork::QualityMetric::kLoss,
                     params.get_int("batch"));
    }
  }

  /// Values of the smallest network, of each bin's winner, and of the largest.
  Json networks() {
    Json list = Json::array();
    const auto add = [&](const Point& point) {
      list.push_back(search::values_of(space_.space(), point));
    };
    add(search::smallest_point(space_.space()));
    const double low = space_.floor(), high = space_.space().size(largest());
    for (std::int64_t bin = 0; bin < settings_.bins; ++bin) {
      const double width = (high - low) / static_cast<double>(settings_.bins);
      const double begin = low + width * static_cast<double>(bin);
      const std::optional<Point> winner = winner_between(begin, begin + width);
      winner ? add(*winner) : remark(begin, begin + width);
      context_.progress(bin + 1, settings_.bins, "grid");
    }
    add(largest());
    return list;
  }

 private:
  [[nodiscard]] Point largest() const { return search::largest_point(space_.space()); }

  void remark(double begin, double end) {
    context_.warn("grid_bin_unreached",
                  fmt::format("none of {} networks that were drawn has between {:.3f} and {:.3f} "
                              "of the size; the grid has no network there",
                              kMostDraws, begin, end));
  }

  std::optional<Point> winner_between(double begin, double end) {
    std::optional<Point> winner;
    double best = 0;
    std::int64_t found = 0;
    for (int draw = 0; draw < kMostDraws && found < settings_.candidates; ++draw) {
      Point point = search::random_point(space_.space(), random_);
      const double size = space_.space().size(point);
      if (size < begin || size > end) continue;
      ++found;
      if (settings_.by == GridBy::kRandom) return point;
      const double score = score_of(point);
      if (winner && !(score < best)) continue;
      winner = std::move(point);
      best = score;
    }
    return winner;
  }

  /// Lower is better.
  [[nodiscard]] double score_of(const Point& point) const {
    Model network = super_.share();
    subnetwork::extract(network, space_.network(point));
    return judge_ ? (*judge_)(network) : -magnitude(network);
  }

  FitContext& context_;
  GridSettings settings_;
  Model super_;
  subnetwork::NetworkSpace space_;
  PythonRandom random_;
  std::optional<subnetwork::Judge> judge_;
};

}  // namespace

Artefact calibrate_grid(const Model& model, FitContext& context, const Params& params) {
  Artefact artefact;
  artefact.plan["networks"] = Json::array();
  if (grid_settings(params).bins == 0 || trains(params) == Trains::kNone) return artefact;
  artefact.plan["networks"] = Grid(model, context, params).networks();
  return artefact;
}

}  // namespace assay::nas
