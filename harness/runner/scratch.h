#pragma once
// A folder that goes away.

#include <chrono>
#include <filesystem>

namespace assay {

/// A fresh folder under assay_home()/scratch; removed with everything in it by the destructor.
class ScratchFolder {
 public:
  /// Throws MachineError when it cannot be made.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;  ///< of the folder; its lock says that somebody still uses it
};

/// Removes scratch folders whose program was killed: those over `age` old that nobody holds. What
/// cannot be removed stays, without a word.
void remove_abandoned_scratch(std::chrono::seconds age = std::chrono::minutes(1));

}  // namespace assay
