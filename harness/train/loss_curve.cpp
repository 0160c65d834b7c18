#include "harness/train/loss_curve.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

constexpr std::size_t kMostEntries = 64;

CurvePoint merged(const std::vector<CurvePoint>& curve, std::size_t begin, std::size_t end) {
  CurvePoint point = curve[end - 1];
  point.loss = 0;
  for (std::size_t i = begin; i < end; ++i) point.loss += curve[i].loss;
  point.loss /= static_cast<double>(end - begin);
  return point;
}

}  // namespace

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& curve, std::size_t most) {
  const std::size_t each = (curve.size() + most - 1) / most;
  std::vector<CurvePoint> points;
  for (std::size_t begin = 0; begin < curve.size(); begin += each) {
    points.push_back(merged(curve, begin, std::min(begin + each, curve.size())));
  }
  return points;
}

void tell_training(FitContext& context, const TrainResult& result) {
  context.metric("train/steps", static_cast<double>(result.steps));
  if (!result.curve.empty()) context.metric("train/loss", result.curve.back().loss);
  if (result.best) context.metric("train/dev_loss", result.best->value);
  for (const CurvePoint& point : thinned(result.curve, kMostEntries)) {
    context.metric(fmt::format("train/loss/step.{}", point.step), point.loss);
  }
  for (const HeldOutPoint& point : result.held_out) {
    context.metric(fmt::format("train/dev_loss/step.{}", point.step), point.value);
  }
}

}  // namespace assay
