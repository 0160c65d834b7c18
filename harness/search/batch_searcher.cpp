#include "harness/search/batch_searcher.h"

namespace assay::search {

Asked BatchSearcher::ask() {
  if (told_.size() == batch_.size()) {
    batch_ = next_batch(told_);
    told_.clear();
  }
  return batch_.at(told_.size());
}

void BatchSearcher::tell(const Asked& asked, const Objectives& objectives) {
  told_.push_back({asked, objectives});
}

}  // namespace assay::search
