#pragma once
// Lets one thread at a time use what the threads of a run share.

#include <condition_variable>
#include <mutex>
#include <utility>

namespace assay {

/// The store, the tallies, the list of what is left and the screen belong to whoever is inside. A
/// thread of a run is inside unless it waits: for a worker, a lock, or another thread. So the code
/// of a run reads as if there were one thread, and what may change meanwhile are the waits alone.
class Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Waits until nobody is inside. The thread is, as long as what this returns lives.
  [[nodiscard]] std::unique_lock<std::mutex> enter() { return std::unique_lock(mutex_); }

  /// For a thread inside: does outside what may take long. What that reads and writes must be its
  /// own.
  template <class Work>
  auto outside(Work&& work) {
    const Left left(mutex_);
    return std::forward<Work>(work)();
  }

  /// For a thread inside: lets others in until `is_so`, which is asked inside, and again after each
  /// changed().
  template <class Condition>
  void wait(Condition is_so) {
    std::unique_lock lock(mutex_, std::adopt_lock);
    changes_.wait(lock, is_so);
    lock.release();
  }
  void changed() { changes_.notify_all(); }

  /// For a thread outside that must not be kept waiting: does it inside, or not at all.
  template <class Work>
  void if_free(Work&& work) {
    if (const std::unique_lock lock(mutex_, std::try_to_lock); lock) std::forward<Work>(work)();
  }

 private:
  struct Left {
    explicit Left(std::mutex& mutex) : mutex_(mutex) { mutex_.unlock(); }
    ~Left() { mutex_.lock(); }
    Left(const Left&) = delete;
    Left& operator=(const Left&) = delete;
    std::mutex& mutex_;
  };
  std::mutex mutex_;
  std::condition_variable changes_;
};

}  // namespace assay
