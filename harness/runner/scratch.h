#pragma once
// A folder that goes away.

#include <filesystem>

#include "harness/base/temporary.h"

namespace assay {

/// A fresh folder under assay_home()/scratch; removed with everything in it by the destructor.
class ScratchFolder {
 public:
  /// Throws MachineError when it cannot be made.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path; }

 private:
  Temporary folder_;  ///< its lock says that somebody still uses it
};

/// Removes what programs left in the cache that were killed: their scratch folders, and the
/// unfinished files and folders beside artefacts, models, data and hashes. Who lives holds locks.
/// What cannot be removed stays, without a word.
void remove_abandoned_scratch();

}  // namespace assay
