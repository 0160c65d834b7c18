#pragma once
// A folder that goes away.

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
};

}  // namespace assay
