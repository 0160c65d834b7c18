#pragma once
// Words of table layouts that the experiment file and the reports share.

#include <string>
#include <vector>

namespace assay {

/// Fields that every result has, but for parameters ("params.sparsity", "suite.window").
const std::vector<std::string>& layout_field_names();

/// "suite=news-ppl,decode" or "params.sparsity>=0.5".
struct Condition {
  std::string field, op;            ///< op: = != < <= > >=
  std::vector<std::string> values;  ///< alternatives of = and !=, with globs; one value otherwise
};

/// "acc*" matches "acc_norm"; '*', '?' and '[]' as in a shell, '/' is like any letter.
bool matches_glob(const std::string& glob, const std::string& text);

/// Throws UserError that says what is allowed.
Condition parse_condition(const std::string& text);

}  // namespace assay
