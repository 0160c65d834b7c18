#pragma once
// Which cells of two sides answer the same question.

#include <string>
#include <vector>

#include "harness/store/records.h"

namespace assay {

/// Two cells to compare; nullptr where the other side has no partner.
struct CellPair {
  const CellRecord* a = nullptr;
  const CellRecord* b = nullptr;
};

/// Pairs cells of one key, then by model, method, parameters, suite, profile and seed (without
/// method and parameters when `across_methods`). Cells left over are paired by less, where that is
/// unique on both sides: such a pair is refused later, but with the difference named instead of
/// "missing". In a's order, cells without a partner in a last. Pointers are into `a` and `b`.
std::vector<CellPair> match_cells(const std::vector<CellRecord>& a,
                                  const std::vector<CellRecord>& b, bool across_methods);

/// Where two cells' key documents differ though they must agree, in words: "model.hash: 1f..
/// against 2e..". Another source or version of the method, and the number of processes, may differ;
/// with `across_methods` the whole method and its calibration.
std::vector<std::string> key_differences(const Json& a, const Json& b, bool across_methods);

/// The key document without what key_differences() lets differ: equal for cells whose values may
/// stand in one line. Text in canonical form.
std::string question_of(const Json& key_doc);

}  // namespace assay
