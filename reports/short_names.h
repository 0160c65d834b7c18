#pragma once
// Labels of rows in fewer columns, with what they stand for.

#include <string>
#include <utility>
#include <vector>

namespace assay {

/// The labels without the names of their parameters ("quantize algorithm=gptq bits=4" is
/// "quantize gptq 4"), in their order; those that another label would be taken for stay as they
/// are.
std::vector<std::string> short_names(const std::vector<std::string>& labels);

/// The labels that became shorter, each once: the short one and the whole one.
std::vector<std::pair<std::string, std::string>> shortened(const std::vector<std::string>& labels,
                                                           const std::vector<std::string>& names);

}  // namespace assay
