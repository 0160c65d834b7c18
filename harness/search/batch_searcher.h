#pragma once
// Searchers that ask for several points before they look at any answer.

#include <vector>

#include "harness/search/searcher.h"

namespace assay::search {

struct Told {
  Asked asked;
  Objectives objectives{};
};

class BatchSearcher : public Searcher {
 public:
  Asked ask() final;
  void tell(const Asked& asked, const Objectives& objectives) final;

 protected:
  /// What to ask next, at least one, given the answers to the batch before in its order; none at
  /// first.
  virtual std::vector<Asked> next_batch(const std::vector<Told>& told) = 0;

 private:
  std::vector<Asked> batch_;
  std::vector<Told> told_;
};

}  // namespace assay::search
