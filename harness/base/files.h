#pragma once
// Files: whole reads, atomic writes, and the folders of the per-user cache.

#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// All of a file, or its first `most` bytes. Throws FileError when it is missing, cannot be read,
/// or is a folder, pipe or device; MachineError where the system has no descriptor left.
std::string read_text_file(const std::filesystem::path& path,
                           std::size_t most = std::numeric_limits<std::size_t>::max());

/// What lies in a folder, sorted, so that messages and lists come in the same order everywhere.
/// None where there is no such folder; throws as read_text_file() where it cannot be read.
std::vector<std::filesystem::path> entries_of_folder(const std::filesystem::path& folder);
/// Those with this extension (".toml").
std::vector<std::filesystem::path> files_of_folder(const std::filesystem::path& folder,
                                                   std::string_view extension);

/// True for the name of an open descriptor (/dev/stdin, /dev/fd/3, /proc/self/fd/3): a link that
/// leads to what is open, not to a place.
bool names_descriptor(const std::filesystem::path& path);

/// Writes to a temporary name in the same folder, syncs, renames: readers see the old file or the
/// new one. Throws MachineError for a full disk or a read-only place, with path and remedy.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Writes what a user asked to have at `path`. A link is followed and stays; a device, pipe or
/// socket is written through; a file is replaced in one step and keeps its mode and, where this
/// user may give it away, its owner; where it cannot be replaced (a file mounted by itself, a
/// folder without the right to add names) it is written in place. Throws MachineError, also for a
/// file without the right to write, and UserError for a folder.
void write_output_file(const std::filesystem::path& path, std::string_view content);

/// Fills a fresh sibling folder through `fill`, then renames it to `path`; nothing is left behind
/// when `fill` throws. A folder that another process put there first is kept, and `fill`'s dropped.
void write_folder_atomically(const std::filesystem::path& path,
                             const std::function<void(const std::filesystem::path&)>& fill);

/// $ASSAY_HOME, else $XDG_CACHE_HOME/assay, else ~/.cache/assay. Not created.
std::filesystem::path assay_home();

/// Creates a folder of the cache; throws MachineError with the remedy when that is impossible.
std::filesystem::path ensure_folder(const std::filesystem::path& path);

/// Folder with datasets/, experiments/, hardware_profiles/, ...: $ASSAY_SHARE, else share/assay
/// beside the running program (installed), else the source tree of the build.
std::filesystem::path share_folder();

/// Folder of the running program.
std::filesystem::path program_folder();

/// Value of an environment variable, or `otherwise` when unset or empty.
std::string environment_or(const char* name, std::string_view otherwise);

}  // namespace assay
