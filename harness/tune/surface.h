#pragma once
// A value over several parameters, told from the cells that were measured.

#include <Eigen/Core>
#include <optional>
#include <vector>

namespace assay::tune {

/// A measured value at a place in [0, 1]^d (AxisScale).
struct Observation {
  std::vector<double> at;
  double value = 0;
  double variance = 0;  ///< of the measurement; 0: exact
};

struct Told {
  double value = 0, sd = 0;
};

/// Universal kriging (Matheron 1969): a trend of the axes and their products in pairs, with a
/// Gaussian process (Matern 5/2, a length an axis) for what it leaves. Lengths, the process's
/// variance and a variance beyond those of the measurements are those of the highest marginal
/// likelihood on a fixed grid, the trend's coefficients under a prior wide enough not to matter. A
/// value that is linear in its axes and their products is told exactly.
class Surface {
 public:
  struct Settings {
    std::vector<double> lengths;  ///< of the process, one an axis
    double process = 0;           ///< its variance
    double extra = 0;             ///< variance of values beyond that of their measurement
  };

  /// Two observations or more, all of one dimension; throws std::invalid_argument otherwise.
  explicit Surface(std::vector<Observation> observations);
  /// With settings that were chosen before.
  Surface(std::vector<Observation> observations, const Settings& settings);
  [[nodiscard]] const Settings& settings() const { return fit_.settings; }

  /// What measuring at a place would give but for the noise of the measurement. The standard
  /// deviation is never less than what observations that were left out ask for (see left_out).
  [[nodiscard]] Told at(const std::vector<double>& place) const;

  /// Each observation as the others tell it, hyperparameters unchanged (Rasmussen and Williams
  /// 2006, eq. 5.12); the standard deviation has the noise of the observation in it.
  [[nodiscard]] std::vector<Told> left_out() const;

 private:
  /// What one choice of settings makes of the observations.
  struct Fit {
    Settings settings;
    Eigen::MatrixXd inverse;  ///< of the observations' covariances, K^-1
    Eigen::MatrixXd solved;   ///< K^-1 F, F being the trend's terms at the observations
    Eigen::MatrixXd spread;   ///< of the coefficients, (F^T K^-1 F + prior)^-1
    Eigen::VectorXd trend;    ///< coefficients
    Eigen::VectorXd weights;  ///< K^-1 (values - F trend)
    double likelihood = 0;    ///< restricted, in logarithms, without what is the same for all
  };

  [[nodiscard]] Eigen::MatrixXd covariances(const Settings& settings) const;
  [[nodiscard]] std::optional<Fit> fit(const Settings& settings) const;
  [[nodiscard]] std::vector<Settings> grid() const;
  /// Variance of what a least-squares trend leaves.
  [[nodiscard]] double untrended() const;
  void read();
  void choose();
  void beware();

  std::vector<Observation> observations_;
  Eigen::MatrixXd terms_;  ///< of the trend, a row an observation
  Eigen::VectorXd values_;
  double variance_ = 1;    ///< of the values
  bool products_ = false;  ///< enough observations for products of axes
  Fit fit_;
  double caution_ = 1;
};

}  // namespace assay::tune
