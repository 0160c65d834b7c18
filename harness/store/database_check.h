#pragma once
// Whether a results database is what was written: pages, references, documents, checksums.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay {

/// Something that is not as it was written.
struct Damage {
  std::string table;   ///< empty: the file as a whole
  std::string row;     ///< by what it is found: "attempt 12 (wanda / text / tiny)"
  std::string found;   ///< what is wrong with it
  std::string remedy;  ///< what to do
};

struct DatabaseCheck {
  int version = 0, newest = 0;  ///< schema of the file, and of this program
  std::int64_t attempts = 0;    ///< finished ones
  std::int64_t held = 0;        ///< of them: what was stored is there
  std::int64_t without = 0;     ///< of them: finished by a version that kept no checksum
  std::vector<Damage> findings;
};

/// Reads the whole file and changes nothing. Throws UserError for what is no database of ours or of
/// a newer schema, MachineError where it cannot be read; damage is a finding.
DatabaseCheck check_database(const std::filesystem::path& path);

/// Holds the present plan of this name (of all names when empty), and every attempt that counts for
/// one of its cells, twins among them, against their checksums. Throws UserError when something
/// differs; says nothing about a file that keeps no checksums, and leaves it to others to refuse
/// what is no database.
void require_whole(const std::filesystem::path& path, const std::string& experiment);

}  // namespace assay
