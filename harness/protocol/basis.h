#pragma once
// What the value of a metric rests on, declared with the metric.

#include <string>

namespace assay {

/// What a metric's value rests on, and with it how two of them are compared.
enum class Basis {
  kUndeclared,  ///< nobody has said: imported, or stored before metrics were declared
  kExact,       ///< the same whenever the same is computed: parameters, bytes of weights, work
  kMeasured,    ///< differs from process to process: times, energy, resident memory
  kShare,       ///< of items: mean, compared by the difference; the values are mostly 0 or 1
  kMean,        ///< of items: mean, compared by the ratio
  kExpMean,     ///< of items: exp of the mean, compared by the ratio
};
/// "", "exact", "measured", "share", "mean", "exp_mean".
std::string basis_name(Basis basis);
/// Throws std::invalid_argument for any other name.
Basis basis_from_name(const std::string& name);
/// True for a value that is made from the cell's items.
bool of_items(Basis basis);

}  // namespace assay
