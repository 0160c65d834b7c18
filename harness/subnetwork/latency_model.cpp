#include "harness/subnetwork/latency_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "harness/base/errors.h"

namespace assay::subnetwork {
namespace {

using Row = std::vector<double>;

/// Counts of a network, in one order.
Row counts_of(const ModelSpec& spec) {
  const auto width = static_cast<double>(spec.width);
  double attentions = 0, groups = 0, ffns = 0, neurons = 0;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    const LayerShape& layer = spec.layer(l);
    if (layer.has_attention) {
      attentions += 1;
      groups += static_cast<double>(layer.kv_heads);
    }
    if (layer.has_ffn) {
      ffns += 1;
      neurons += static_cast<double>(layer.ffn_width);
    }
  }
  return {1, width, attentions, groups, groups * width, ffns, neurons * width};
}

/// As shares of the whole network's.
Row features_of(const ModelSpec& whole, const ModelSpec& part) {
  const Row all = counts_of(whole);
  Row features = counts_of(part);
  for (std::size_t i = 0; i < features.size(); ++i) {
    features[i] = all[i] > 0 ? features[i] / all[i] : 0;
  }
  return features;
}

double product(const Row& a, const Row& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

constexpr int kMostSweeps = 20000;
constexpr double kSmallestStep = 1e-12;

/// Weights >= 0 with the smallest sum of (row . weights - 1)^2: coordinate descent, which a convex
/// problem with such bounds lets end at its minimum.
Row non_negative_least_squares(const std::vector<Row>& rows) {
  const std::size_t count = rows.front().size();
  Row weights(count, 0.0), errors(rows.size(), -1.0);
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double largest = 0;
    for (std::size_t f = 0; f < count; ++f) {
      double slope = 0, curvature = 0;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        slope += rows[r][f] * errors[r];
        curvature += rows[r][f] * rows[r][f];
      }
      if (curvature == 0) continue;
      const double step = std::max(-slope / curvature, -weights[f]);
      weights[f] += step;
      for (std::size_t r = 0; r < rows.size(); ++r) errors[r] += step * rows[r][f];
      largest = std::max(largest, std::abs(step));
    }
    if (largest < kSmallestStep) break;
  }
  return weights;
}

}  // namespace

LatencyModel::LatencyModel(const ModelSpec& whole, const std::vector<ModelSpec>& parts,
                           const std::vector<double>& ratios) {
  if (parts.empty() || parts.size() != ratios.size()) {
    throw std::invalid_argument("a latency model needs networks, and a ratio of each");
  }
  std::vector<Row> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!(ratios[i] > 0)) throw std::invalid_argument("a ratio of times is not positive");
    Row row = features_of(whole, parts[i]);
    for (double& value : row) value /= ratios[i];
    rows.push_back(std::move(row));
  }
  weights_ = non_negative_least_squares(rows);
}

double LatencyModel::operator()(const ModelSpec& whole, const ModelSpec& part) const {
  return product(weights_, features_of(whole, part)) / product(weights_, features_of(whole, whole));
}

Json LatencyModel::to_json() const { return weights_; }

LatencyModel LatencyModel::from_json(const Json& document) {
  LatencyModel model;
  const bool numbers =
      document.is_array() && std::all_of(document.begin(), document.end(),
                                         [](const Json& value) { return value.is_number(); });
  if (!numbers) throw UserError("a latency model is a list of numbers");
  model.weights_ = document.get<std::vector<double>>();
  return model;
}

double left_out_error(const ModelSpec& whole, const std::vector<ModelSpec>& parts,
                      const std::vector<double>& ratios) {
  double sum = 0;
  for (std::size_t left = 0; left < parts.size(); ++left) {
    std::vector<ModelSpec> others;
    std::vector<double> of_others;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i == left) continue;
      others.push_back(parts[i]);
      of_others.push_back(ratios[i]);
    }
    const LatencyModel model(whole, others, of_others);
    sum += std::abs(model(whole, parts[left]) / ratios[left] - 1);
  }
  return sum / static_cast<double>(parts.size());
}

}  // namespace assay::subnetwork
