#pragma once
// A run's sign of life beside the database it writes to. Internal to harness/store.

#include <filesystem>
#include <string>

namespace assay {

/// Tells other programs that a run is alive: a file DATABASE.run-NAME that holds a lock. The kernel
/// gives the lock back however the process ends, and all processes of that kernel see it, in
/// whatever pid namespace they are; so neither a clock nor a process number decides who is alive,
/// and a stopped process keeps what it is at.
class Presence {
 public:
  /// Throws MachineError when the file cannot be made, or locks do not work there.
  explicit Presence(const std::filesystem::path& database);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Makes the file again when somebody removed it.
  void keep();

 private:
  void make();

  std::filesystem::path database_;
  std::string name_;
  int descriptor_ = -1;
};

/// Whether the run of this name still lives. A name that no run could have is none.
bool run_is_alive(const std::filesystem::path& database, const std::string& name);

/// Removes the signs of life of runs that are gone. What cannot be removed stays.
void remove_abandoned_runs(const std::filesystem::path& database);

}  // namespace assay
