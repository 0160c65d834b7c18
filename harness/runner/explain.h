#pragma once
// What a run would do with a cell, and why.

#include <string>
#include <vector>

#include "harness/plan/plan.h"
#include "harness/store/store.h"

namespace assay {

/// One of the fits behind a cell's artefact.
struct StageState {
  std::string name;  ///< "wanda", "dejavu/traces"
  std::string key;
  bool cached = false;
};

struct CellExplanation {
  std::string action;    ///< "stored", "run", "unmet"
  std::string status;    ///< of a stored cell: "OK", "OOM", ...; else empty
  std::string artefact;  ///< "cached", "to fit", by stage where there are several; "" for none
  std::vector<StageState> stages;
  std::string why;  ///< one sentence
};

/// `store` may be null: nothing is stored then.
CellExplanation explain_cell(const Plan& plan, const Store* store, const Cell& cell);

}  // namespace assay
