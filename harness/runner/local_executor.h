#pragma once
// Jobs on this machine.

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "harness/runner/executor.h"
#include "harness/runner/monitor.h"

namespace assay {

/// A number of places, a thread for each job: workers die with the thread that started them.
class LocalExecutor final : public Executor {
 public:
  /// Does a job at one of the places 0, 1, ..., inside of the monitor; returns what poll() does.
  using Work = std::function<Job(const Job& job, std::size_t place)>;

  /// Belongs to a thread inside of `monitor`, which steps out while it waits in poll(). `cancel`
  /// ends the workers that `work` waits for.
  LocalExecutor(Monitor& monitor, std::size_t places, Work work, std::function<void()> cancel);
  /// Cancels what is at work, and waits for it.
  ~LocalExecutor() override;
  LocalExecutor(const LocalExecutor&) = delete;
  LocalExecutor& operator=(const LocalExecutor&) = delete;

  [[nodiscard]] bool has_room() const override;
  /// Throws MachineError where no thread can be started.
  void submit(Job job) override;
  [[nodiscard]] std::vector<const Job*> at_work() const override;
  Job poll() override;
  void cancel() override { cancel_(); }

 private:
  struct Place {
    Job job, left;
    std::exception_ptr error;
    bool has_ended = false;
    std::thread thread;
  };
  void do_job(Place& place, std::size_t number);

  Monitor& monitor_;
  Work work_;
  std::function<void()> cancel_;
  std::vector<std::unique_ptr<Place>> places_;  ///< null: free
};

}  // namespace assay
