#pragma once
// Parameters of a block and their axes: a list or a range gives several values, and the axes
// multiply. Internal to harness/config.

#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// The values that one key asks for.
struct Axis {
  std::string name;
  std::vector<Json> values;
};

/// Reads the key of `spec` when it is there: a value, an array of values, or
/// `{ from = a, to = b, step = c }`, ends included. Wrong values are reported and left out, so the
/// result may be empty.
std::optional<Axis> read_axis(TableReader& reader, const ParamSpec& spec);

/// All keys of `specs`, in the order of the file; a required one that is absent is reported.
std::vector<Axis> read_axes(TableReader& reader, const std::vector<ParamSpec>& specs);

/// One object for each combination; the first axis varies slowest. One empty object for no axes.
/// None, and a problem at `reader`'s place, where they are more than kMostCells.
std::vector<Json> multiply(TableReader& reader, const std::vector<Axis>& axes);

/// `given` with the defaults of all other parameters written in.
Json written_out(const std::vector<ParamSpec>& specs, const Json& given);

}  // namespace assay
