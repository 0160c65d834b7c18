#pragma once
// Which workers of a run may be at work at the same time.

#include <cstddef>
#include <set>

#include "harness/runner/monitor.h"

namespace assay {

/// Any number of workers that do not look at the clock, or one that does. All of it is for threads
/// inside of the monitor.
class Company {
 public:
  explicit Company(Monitor& monitor) : monitor_(monitor) {}

  /// At work as long as it lives.
  class Member {
   public:
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    /// The most others that were at work at the same time.
    [[nodiscard]] std::size_t others() const { return others_; }

   private:
    friend class Company;
    Member(Company& company, bool alone);
    Company& company_;
    std::size_t others_ = 0;
  };

  /// Waits until it may begin. Those who wait to be alone are not overtaken by those who come
  /// later.
  [[nodiscard]] Member join(bool alone) { return {*this, alone}; }

 private:
  void wait_for_turn(bool alone);

  Monitor& monitor_;
  std::set<Member*> at_work_;
  std::size_t waiting_alone_ = 0;
  bool is_alone_ = false;  ///< who is at work wants no other
};

}  // namespace assay
