#pragma once
// Where a database lies: names that last, and whether the file is still where it was opened.

#include <filesystem>
#include <string>

namespace assay {

/// Throws UserError for what is no name of a file that lasts: nothing, ":memory:", a URI, a folder,
/// a device or pipe, and for a folder that is not there.
void check_database_place(const std::filesystem::path& path);

/// "nfs" and the like when the file lies, or would lie, on a file system that other machines may
/// write to at the same time; empty otherwise.
std::string shared_file_system(const std::filesystem::path& path);

/// A file that was opened, held by its identity.
class PlacedFile {
 public:
  /// Throws MachineError when the file cannot be looked at.
  explicit PlacedFile(std::filesystem::path path);
  ~PlacedFile();
  PlacedFile(const PlacedFile&) = delete;
  PlacedFile& operator=(const PlacedFile&) = delete;

  /// Whether its path still leads to it.
  [[nodiscard]] bool in_place() const;
  /// The name it has now; empty when it has none any more.
  [[nodiscard]] std::string present_name() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace assay
