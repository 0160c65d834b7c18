#pragma once
// Short names for methods and suites: the parameters that tell rows or columns apart, no others.

#include <map>
#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

/// Names rows and columns of one experiment. A parameter is shown when it differs between two
/// entries of the same method (or suite); sparsity and N:M pattern are always shown.
class Labels {
 public:
  explicit Labels(const std::vector<ResultRow>& rows);

  /// "wanda 50%", "wanda 2:4", "ria 50% exponent=1", "wanda 50% seed=1".
  [[nodiscard]] std::string method(const ResultRow& row) const;
  /// "decode batch=8".
  [[nodiscard]] std::string suite(const ResultRow& row) const;

 private:
  /// Method or suite -> names of its parameters that take more than one value.
  std::map<std::string, std::vector<std::string>> method_varying_, suite_varying_;
  bool several_seeds_ = false;
};

}  // namespace assay
