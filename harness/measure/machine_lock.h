#pragma once
// One program at a time uses what is timed: advisory locks of cores and GPUs that every `assay` of
// this machine asks for, whoever runs it.

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace assay {

/// A core ("cpu3") or GPU ("gpu0"), alone or together with others that do not time on it.
struct MachinePart {
  std::string name;
  bool alone = false;
};

/// The cores, and the GPU of a device such as "cuda:1". Who times on a GPU shares the cores with
/// others that do; who times on cores has them alone. In the order in which everybody locks.
std::vector<MachinePart> machine_parts(const std::vector<int>& cores, const std::string& device,
                                       bool alone);

/// Where the lock files lie: ASSAY_LOCKS, else the first of /run/lock and /tmp in which everybody
/// may make files, so that all users come to the same answer. A container sees those of the host
/// only when they are mounted in it.
std::filesystem::path lock_folder();

/// Holds the locks as long as it lives. Waits until others have let go; those who wait to be alone
/// are not overtaken by those who come later. A program that holds one must not ask for another.
class MachineLock {
 public:
  /// `say` is called once when it has waited for half a second, with what it waits for.
  /// Ends early, holding nothing, when `stop` is asked for.
  MachineLock(const std::filesystem::path& folder, const std::vector<MachinePart>& parts,
              const std::stop_token& stop, const std::function<void(const std::string&)>& say);
  ~MachineLock();
  MachineLock(const MachineLock&) = delete;
  MachineLock& operator=(const MachineLock&) = delete;

  [[nodiscard]] bool held() const { return held_; }
  /// Why it is not held although nobody asked to stop: a file that cannot be opened; "" otherwise.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool take(const std::filesystem::path& file, bool alone);
  bool wait_for(int descriptor, const std::filesystem::path& file, bool alone);
  bool fail(const std::filesystem::path& file);
  void let_go();

  std::stop_token stop_;
  std::function<void(const std::string&)> say_;
  double started_;
  std::vector<int> descriptors_;
  bool held_ = false;
  std::string problem_;
};

}  // namespace assay
