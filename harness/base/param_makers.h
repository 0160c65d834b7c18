#pragma once
// The usual kinds of parameters in a line each. What is rarer (a unit, another default, a largest
// count) is set on what they return.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/params.h"

namespace assay {

/// One of `choices`, the first of them where nothing is said.
ParamSpec choice_param(std::string name, std::vector<std::string> choices, std::string help);

/// An integer >= min that counts `unit`.
ParamSpec count_param(std::string name, std::int64_t value, double min, std::string unit,
                      std::string help);

struct RealRange {
  std::optional<double> min = {}, max = {};
  bool max_open = false;  ///< [0, 1)
  bool min_open = false;  ///< (0, 1]
};
ParamSpec real_param(std::string name, double value, const RealRange& range, std::string help);

ParamSpec flag_param(std::string name, bool value, std::string help);

/// The same parameter, which was called otherwise before, or whose values were.
ParamSpec formerly(ParamSpec spec, std::vector<std::string> names,
                   std::map<std::string, std::string> values = {});

/// Their names, as a stage lists what it reads.
std::vector<std::string> param_names(const std::vector<ParamSpec>& specs);
/// One list after the other.
std::vector<std::string> joined_names(std::initializer_list<std::vector<std::string>> lists);
std::vector<ParamSpec> joined_params(std::initializer_list<std::vector<ParamSpec>> lists);

}  // namespace assay
