#pragma once
// Short names for methods and suites: the parameters that tell rows or columns apart, no others.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "harness/store/store.h"

namespace assay {

using FlatParameters = std::map<std::string, std::string>;

/// "calibration.tokens" -> "512", for the JSON text of parameters; other text is one entry
/// "params".
FlatParameters flat_parameters(const std::string& text);

/// Names rows and columns of one experiment. A parameter is shown when it differs between two
/// entries of the same method (or suite); sparsity and N:M pattern are always shown.
class Labels {
 public:
  explicit Labels(const std::vector<ResultRow>& rows);

  /// "wanda 50%", "wanda 2:4", "ria 50% exponent=1", "wanda 50% seed=1".
  [[nodiscard]] const std::string& method(const ResultRow& row) const;
  /// "decode batch=8".
  [[nodiscard]] const std::string& suite(const ResultRow& row) const;

 private:
  [[nodiscard]] std::string make_method(const ResultRow& row) const;
  [[nodiscard]] std::string make_suite(const ResultRow& row) const;
  /// Method or suite -> names of its parameters that take more than one value.
  std::map<std::string, std::vector<std::string>> method_varying_, suite_varying_;
  bool several_seeds_ = false;
  // Made once: a report asks for the same few of them for each of its rows.
  mutable std::map<std::tuple<std::string, std::string, std::int64_t>, std::string> methods_;
  mutable std::map<std::pair<std::string, std::string>, std::string> suites_;
};

}  // namespace assay
