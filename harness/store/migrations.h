#pragma once
// Schema versions of the results database. Internal to harness/store.

#include <filesystem>
#include <span>
#include <string_view>

namespace assay {

class Connection;

/// "ASAY", in the header of every file that is ours.
inline constexpr int kApplicationId = 1095975257;

struct Migration {
  int version;
  std::string_view name;  ///< "0001_initial"
  std::string_view sql;
};

/// The files harness/store/migrations/NNNN_name.sql, ascending from 1.
std::span<const Migration> embedded_migrations();

/// Throws UserError when the file belongs to another program or was written by a newer assay.
/// Returns its schema version, 0 for an empty file.
int checked_schema_version(Connection& connection, int newest_known);

/// Where migrate() keeps the old state of a file of this version.
std::filesystem::path backup_of(const std::filesystem::path& database, int version);

/// Whether migrate() keeps the old state of the file.
enum class Copy { kKeep, kNone };

/// Brings the file to the newest version, each step in one transaction that looks at the version
/// again once it has the lock: several programs may open an old file at the same time.
/// Copy::kKeep: a file with content is copied to FILE.v<old>.bak first.
void migrate(Connection& connection, std::span<const Migration> migrations,
             Copy copy = Copy::kKeep);

}  // namespace assay
