#pragma once
// What is tuned: the cells of a database as places on axes, with a quality and a cost.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/store.h"
#include "harness/tune/axis.h"
#include "harness/tune/scale.h"

namespace assay::tune {

/// A metric of a suite.
struct Aim {
  std::string suite, metric, unit;
  Scale scale = Scale(Basis::kShare, 1);
};

/// A value on an Aim's scale.
struct Value {
  double inner = 0, variance = 0;
  double between = 0;  ///< variance of the values of several seeds; 0 for one
};

/// One setting that was measured, over all its seeds.
struct Cell {
  std::vector<double> at;  ///< on the axes
  std::string method;      ///< and its parameters, as given
  std::string params;
  std::optional<Value> quality, gain;
  std::vector<std::string> keys;  ///< of the database's cells behind the quality, by seed
  std::optional<double> fit_seconds;
};

struct Task {
  std::vector<Axis> axes;
  Aim quality, gain;
  std::vector<Cell> cells;  ///< in order of their places, each place once, with a value at least
  Cell reference;           ///< whose quality the budget is counted from; has one
  std::vector<std::string>
      left_out;  ///< settings that are not on the axes, or not as `where` wants
};

struct TaskQuery {
  std::string model, profile;  ///< empty: the only one
  std::vector<Axis> over;      ///< one or more
  std::string quality, cost;   ///< METRIC or SUITE/METRIC; empty: the first preferred that is there
  /// A method; empty: dense, or the only one without any of the axes' methods.
  std::string reference;
  std::vector<std::string> where;  ///< METHOD.PARAMETER=VALUE, asked of chains with the parameter
};

/// Reads a task out of the rows of one experiment. `qualities` and `costs`: metrics in the order in
/// which they are taken when the query names none. Throws UserError, with what there is to choose,
/// where the query fits nothing, several metrics, two settings of one place, or no reference.
Task read_task(const std::vector<ResultRow>& rows, const TaskQuery& query,
               const std::vector<std::string>& qualities, const std::vector<std::string>& costs);

/// "mux.instances=5, cofi.sparsity=0.8".
std::string place_text(const std::vector<Axis>& axes, const std::vector<double>& place);

}  // namespace assay::tune
