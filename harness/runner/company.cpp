#include "harness/runner/company.h"

#include <algorithm>

namespace assay {

Company::Member::Member(Company& company, bool alone) : company_(company) {
  company_.wait_for_turn(alone);
  company_.is_alone_ = alone;
  company_.at_work_.insert(this);
  const std::size_t others = company_.at_work_.size() - 1;
  for (Member* member : company_.at_work_) member->others_ = std::max(member->others_, others);
}

Company::Member::~Member() {
  company_.at_work_.erase(this);
  company_.is_alone_ = false;
  company_.monitor_.changed();
}

void Company::wait_for_turn(bool alone) {
  if (!alone) {
    return monitor_.wait([this] { return !is_alone_ && waiting_alone_ == 0; });
  }
  ++waiting_alone_;
  monitor_.wait([this] { return at_work_.empty(); });
  --waiting_alone_;
  monitor_.changed();
}

}  // namespace assay
