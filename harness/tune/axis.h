#pragma once
// The parameters that are tuned: numbers of methods, also of those further down a chain.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay::tune {

/// A numeric parameter of a method: METHOD.PARAMETER.
struct Axis {
  std::string name;
  /// Its value in chains that the method has no part in: one instance where nothing multiplexes.
  std::optional<double> without = {};
};

/// A finite number; throws UserError that begins with `place`.
double finite_number(const std::string& text, const std::string& place);

/// "cofi.sparsity" or "cofi.sparsity:0", the number for chains without the method. Throws
/// UserError.
Axis parse_axis(const std::string& text);

/// Where a method that is in a chain twice is a second time, "finetune#2".
using ChainParameters = std::map<std::string, Json>;

/// Parameters of a method and of all that follow it (`then`), by METHOD.PARAMETER; nested ones with
/// one more point ("mux.calibration.samples"). `params`: as the database has it.
ChainParameters chain_parameters(const std::string& method, const std::string& params);

/// The numbers of these axes, nothing where one is neither there nor has a value without its
/// method, or is no number.
std::optional<std::vector<double>> place_of(const ChainParameters& parameters,
                                            const std::vector<Axis>& axes);

/// Maps the values of an axis onto [0, 1], by their logarithms where all are above zero and the
/// largest is four times the smallest or more.
class AxisScale {
 public:
  /// `values`: one or more.
  explicit AxisScale(const std::vector<double>& values);
  [[nodiscard]] double operator()(double value) const;
  [[nodiscard]] bool logarithmic() const { return logarithmic_; }

 private:
  bool logarithmic_ = false;
  double low_ = 0, width_ = 1;
};

}  // namespace assay::tune
