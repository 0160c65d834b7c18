#pragma once
// Files: whole reads, atomic writes, and the folders of the per-user cache.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace assay {

/// Throws UserError when the file is missing or cannot be read.
std::string read_text_file(const std::filesystem::path& path);

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
