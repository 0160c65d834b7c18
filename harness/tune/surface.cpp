#include "harness/tune/surface.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace assay::tune {
namespace {

/// Of the trend's coefficients, in variances of the values: wide enough not to matter.
constexpr double kTrendPrior = 1e6;
/// Added to each variance, in variances of the values: a thousandth of their spread.
constexpr double kJitter = 1e-6;
/// What a trend leaves, believed before anything is seen, with the weight of one observation; in
/// variances of the values.
constexpr double kBelief = 0.03;

/// 1, the axes, and with `products` the product of each pair.
Eigen::VectorXd trend(const std::vector<double>& place, bool products) {
  std::vector<double> terms{1};
  terms.insert(terms.end(), place.begin(), place.end());
  for (std::size_t i = 0; products && i < place.size(); ++i) {
    for (std::size_t j = i + 1; j < place.size(); ++j) terms.push_back(place[i] * place[j]);
  }
  return Eigen::VectorXd::Map(terms.data(), static_cast<Eigen::Index>(terms.size()));
}

double matern(const std::vector<double>& a, const std::vector<double>& b,
              const std::vector<double>& lengths) {
  double squared = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double step = (a[i] - b[i]) / lengths[i];
    squared += step * step;
  }
  const double r = std::sqrt(5 * squared);
  return (1 + r + r * r / 3) * std::exp(-r);
}

/// All combinations of one of `values` an axis; beyond three axes the same for all.
std::vector<std::vector<double>> lengths_of(std::size_t axes, const std::vector<double>& values) {
  std::vector<std::vector<double>> all{{}};
  if (axes > 3) {
    all.clear();
    for (const double value : values) all.emplace_back(axes, value);
    return all;
  }
  for (std::size_t axis = 0; axis < axes; ++axis) {
    std::vector<std::vector<double>> longer;
    for (const auto& one : all) {
      for (const double value : values) {
        longer.push_back(one);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

}  // namespace

Surface::Surface(std::vector<Observation> observations) : observations_(std::move(observations)) {
  read();
  choose();
  beware();
}

Surface::Surface(std::vector<Observation> observations, const Settings& settings)
    : observations_(std::move(observations)) {
  read();
  std::optional<Fit> one = fit(settings);
  if (!one) throw std::invalid_argument("settings that no surface has");
  fit_ = std::move(*one);
  beware();
}

void Surface::read() {
  if (observations_.size() < 2) throw std::invalid_argument("a surface needs two observations");
  const std::size_t axes = observations_[0].at.size();
  products_ = observations_.size() > 1 + axes + axes * (axes - 1) / 2;
  const auto n = static_cast<Eigen::Index>(observations_.size());
  terms_.resize(n, trend(observations_[0].at, products_).size());
  values_.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Observation& one = observations_[static_cast<std::size_t>(i)];
    if (one.at.size() != axes) throw std::invalid_argument("observations of two dimensions");
    terms_.row(i) = trend(one.at, products_).transpose();
    values_(i) = one.value;
  }
  const double squares = (values_.array() - values_.mean()).square().sum();
  if (squares > 0) variance_ = squares / static_cast<double>(n);
}

Eigen::MatrixXd Surface::covariances(const Settings& settings) const {
  const auto n = static_cast<Eigen::Index>(observations_.size());
  Eigen::MatrixXd matrix(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Observation& a = observations_[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j <= i; ++j) {
      const Observation& b = observations_[static_cast<std::size_t>(j)];
      matrix(i, j) = settings.process * matern(a.at, b.at, settings.lengths);
      matrix(j, i) = matrix(i, j);
    }
    matrix(i, i) += a.variance + settings.extra + kJitter * variance_;
  }
  return matrix;
}

std::optional<Surface::Fit> Surface::fit(const Settings& settings) const {
  const Eigen::LLT<Eigen::MatrixXd> factor(covariances(settings));
  if (factor.info() != Eigen::Success) return std::nullopt;
  Fit fit;
  fit.settings = settings;
  fit.inverse = factor.solve(Eigen::MatrixXd::Identity(values_.size(), values_.size()));
  fit.solved = factor.solve(terms_);
  Eigen::MatrixXd precision = terms_.transpose() * fit.solved;
  precision.diagonal().array() += 1 / (kTrendPrior * variance_);
  const Eigen::LLT<Eigen::MatrixXd> trend_factor(precision);
  if (trend_factor.info() != Eigen::Success) return std::nullopt;
  fit.spread = trend_factor.solve(Eigen::MatrixXd::Identity(precision.rows(), precision.cols()));
  const double level = values_.mean();  // the prior is about values without it
  const Eigen::VectorXd centred = values_.array() - level;
  fit.trend = trend_factor.solve(fit.solved.transpose() * centred);
  const Eigen::VectorXd rest = centred - terms_ * fit.trend;
  fit.weights = factor.solve(rest);
  fit.trend(0) += level;
  fit.likelihood = -0.5 * rest.dot(fit.weights) -
                   factor.matrixLLT().diagonal().array().log().sum() -
                   trend_factor.matrixLLT().diagonal().array().log().sum();
  return fit;
}

double Surface::untrended() const {
  const Eigen::VectorXd rest = values_ - terms_ * terms_.colPivHouseholderQr().solve(values_);
  const double freedom = std::max(0.0, static_cast<double>(terms_.rows() - terms_.cols()));
  return (rest.squaredNorm() + kBelief * variance_) / (freedom + 1);
}

std::vector<Surface::Settings> Surface::grid() const {
  const double rest = untrended();
  std::vector<Settings> all;
  for (const auto& lengths : lengths_of(observations_[0].at.size(), {0.3, 0.7, 1.5})) {
    if (terms_.rows() <= terms_.cols()) {
      all.push_back({lengths, 10 * rest, 0});  // a trend goes through: nothing tells what it leaves
      continue;
    }
    for (const double process : {0.03, 0.1, 0.3, 1.0, 3.0, 10.0}) {
      for (const double extra : {0.0, 0.1, 0.4, 1.0}) {
        all.push_back({lengths, process * rest, extra * rest});
      }
    }
  }
  return all;
}

void Surface::choose() {
  fit_.likelihood = -std::numeric_limits<double>::infinity();
  for (const Settings& settings : grid()) {
    std::optional<Fit> one = fit(settings);
    if (one && one->likelihood > fit_.likelihood) fit_ = std::move(*one);
  }
  if (fit_.weights.size() == 0) {
    throw std::invalid_argument("observations that no surface goes through");
  }
}

void Surface::beware() {
  double squares = 0;
  const std::vector<Told> told = left_out();
  for (std::size_t i = 0; i < told.size(); ++i) {
    squares += std::pow((told[i].value - observations_[i].value) / told[i].sd, 2);
  }
  caution_ = std::max(1.0, std::sqrt(squares / static_cast<double>(told.size())));
}

Told Surface::at(const std::vector<double>& place) const {
  Eigen::VectorXd shared(values_.size());
  for (Eigen::Index i = 0; i < shared.size(); ++i) {
    const Observation& one = observations_[static_cast<std::size_t>(i)];
    shared(i) = fit_.settings.process * matern(place, one.at, fit_.settings.lengths);
  }
  const Eigen::VectorXd terms = trend(place, products_);
  const Eigen::VectorXd beyond = terms - fit_.solved.transpose() * shared;
  const double variance = fit_.settings.process - shared.dot(fit_.inverse * shared) +
                          beyond.dot(fit_.spread * beyond) + fit_.settings.extra;
  return {terms.dot(fit_.trend) + shared.dot(fit_.weights),
          caution_ * std::sqrt(std::max(variance, 0.0))};
}

std::vector<Told> Surface::left_out() const {
  const Eigen::MatrixXd rest = fit_.inverse - fit_.solved * fit_.spread * fit_.solved.transpose();
  std::vector<Told> all;
  for (std::size_t i = 0; i < observations_.size(); ++i) {
    const auto index = static_cast<Eigen::Index>(i);
    const double variance = 1 / rest(index, index);
    all.push_back({observations_[i].value - fit_.weights(index) * variance, std::sqrt(variance)});
  }
  return all;
}

}  // namespace assay::tune
