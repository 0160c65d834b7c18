#pragma once
// How SQLite reads a database that this process must not or cannot write to. Internal to
// harness/store.

#include <filesystem>
#include <string>

namespace assay {

/// SQLite keeps side files beside a database that it reads. Where the folder takes none, a database
/// without an unmerged log is read as a constant, because nobody is writing to it, and one whose
/// log came along alone (without its index) is read from a copy of both in the folder for temporary
/// files.
class ReadingPlace {
 public:
  /// Throws MachineError when a copy is needed and cannot be made.
  explicit ReadingPlace(const std::filesystem::path& database);
  /// Removes the copy; a connection that has read from it keeps what it needs.
  ~ReadingPlace();
  ReadingPlace(const ReadingPlace&) = delete;
  ReadingPlace& operator=(const ReadingPlace&) = delete;

  /// URI for SQLite ("file:..."); to be opened for reading.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  std::filesystem::path folder_;  ///< of the copy; empty: there is none
  std::string address_;
};

}  // namespace assay
