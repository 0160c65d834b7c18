#pragma once
// What a run would do with a cell, and why.

#include <string>

#include "harness/plan/plan.h"
#include "harness/store/store.h"

namespace assay {

struct CellExplanation {
  std::string action;    ///< "stored", "run", "unmet"
  std::string status;    ///< of a stored cell: "OK", "OOM", ...; else empty
  std::string artefact;  ///< "cached", "to fit", or "" when the cell needs none
  std::string why;       ///< one sentence
};

/// `store` may be null: nothing is stored then.
CellExplanation explain_cell(const Plan& plan, const Store* store, const Cell& cell);

}  // namespace assay
