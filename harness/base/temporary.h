#pragma once
// Names for what is written beside its final place, and the end of those whose program was killed.

#include <filesystem>
#include <string_view>

#include "harness/base/descriptor.h"

namespace assay {

/// A fresh file ".NAME.xxxxxxxx.tmp" beside `path`, open for writing, or a fresh folder. It is
/// locked as long as the descriptor is open, wherever it is renamed to: that says that its program
/// lives.
struct Temporary {
  std::filesystem::path path;
  Descriptor descriptor{-1};
  int error = 0;  ///< why there is none
};
Temporary make_temporary_file(const std::filesystem::path& path);
Temporary make_temporary_folder(const std::filesystem::path& path);

/// Makes a folder, whose lock is held by the descriptor; the folder above it must be there.
Temporary make_locked_folder(const std::filesystem::path& path);

/// Removes a file or folder unless a program that lives holds its lock. What cannot be removed
/// stays, without a word.
void remove_unheld(const std::filesystem::path& path);
/// Likewise all temporary ones in a folder, of the file NAME or of all.
void remove_abandoned_temporaries(const std::filesystem::path& folder, std::string_view name = {});

}  // namespace assay
