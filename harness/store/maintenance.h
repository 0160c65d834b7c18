#pragma once
// What is done to a results database as a whole, by hand.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay {

struct MigrationDone {
  int from = 0, to = 0;          ///< schema versions; equal when nothing was to do
  std::filesystem::path backup;  ///< of the old state; empty when nothing was to do
};

/// Brings an existing file to the newest schema, after keeping a copy. Throws as Store::open, and
/// UserError for a file that is missing or empty.
MigrationDone migrate_database(const std::filesystem::path& path);

struct VacuumDone {
  std::int64_t bytes_before = 0, bytes_after = 0;  ///< of the file, its log merged
};

/// Writes the file anew without the space of what was removed. Throws as Store::open; MachineError
/// while another program uses it.
VacuumDone vacuum_database(const std::filesystem::path& path);

struct PruneChoice {
  bool keep_history = false;    ///< superseded measurements that are OK stay, with their plans
  bool damaged = false;         ///< removes what has another checksum than the one stored, alone
  std::string experiment = {};  ///< removes this experiment, alone
  bool dry_run = false;
};

struct Pruned {
  std::vector<std::string> plans;  ///< "name of 2026-01-02T03:04:05.000Z"
  std::vector<std::string>
      attempts;  ///< "wanda / text / tiny: CRASHED of 2026-01-02T03:04:05.000Z"
  std::int64_t documents = 0, machines = 0;
  std::vector<std::string> files;  ///< left beside the database by programs that are gone
};

/// Removes what no report shows: attempts that a newer one of their cell replaced, older plans of
/// each experiment, and what only they refer to. What a baseline refers to, what is running, the
/// newest OK attempt of a cell of a present plan and the twins of present times stay. Throws
/// UserError for an unknown experiment and for a baseline.
Pruned prune_database(const std::filesystem::path& path, const PruneChoice& choice);

}  // namespace assay
