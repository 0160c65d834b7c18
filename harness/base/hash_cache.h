#pragma once
// Hashes of files, and what else follows from their content, remembered between commands.

#include <filesystem>
#include <functional>
#include <string>

#include "harness/base/file_identity.h"
#include "harness/base/json.h"

namespace assay {

/// What `compute` says of a file's content, remembered under assay_home()/hashes/<kind> by the
/// identity that `identify` sees. It is remembered only if the file did not change meanwhile and
/// its identity is settled, so that no later change can go unseen; otherwise the next call computes
/// again. Throws MachineError for a file that changes whenever it is read. A cache that cannot be
/// written is no error: it only saves time.
Json remembered_of_file(const std::string& kind, const std::string& name,
                        const std::function<FileIdentity()>& identify,
                        const std::function<Json()>& compute);

/// SHA-256 of a file's content, remembered.
std::string cached_file_hash(const std::filesystem::path& path);

}  // namespace assay
