#pragma once
// A world in which runs are disturbed, and what must hold of it afterwards.

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/cli/cli_world.h"

namespace assay {

/// A plan of twenty cells: dense and nine of `pretend`, scored and timed; e.toml in a CliWorld.
class FaultWorld : public CliWorld {
 public:
  FaultWorld();

  /// The table that `assay report` prints of results.db, without the lines that say when, where and
  /// how long.
  [[nodiscard]] std::string table() const;
  /// Of all cells: the table of a run that nothing disturbed.
  static const std::string& undisturbed_table();
  /// Fails the test unless results.db is whole.
  void expect_whole_database() const;
  /// Fails the test unless the table is the undisturbed one, each cell was settled and nothing is
  /// left in scratch folders, nor any half-written file, nor a sign of a run.
  void expect_as_undisturbed() const;
  [[nodiscard]] std::int64_t count(const std::string& what) const;
  /// Files anywhere in the world whose names look unfinished.
  [[nodiscard]] std::vector<std::string> leftovers() const;
};

/// Runs a script in a mount namespace of its own, whose mounts nobody else sees.
CommandOutput with_mounts(const FaultWorld& world, const std::string& script);
/// Whether this machine lets us.
bool can_mount();

/// A program that is started without the help of harness/process, whose orphans come to us.
class BareProcess {
 public:
  BareProcess(const FaultWorld& world, const std::vector<std::string>& arguments);
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Its children now.
  [[nodiscard]] std::vector<pid_t> children() const;
  /// Waits for its end; the status as of waitpid().
  int end();
  [[nodiscard]] bool has_ended();

 private:
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

/// Waits until no child of this process is left, for some seconds; how many are left then.
std::size_t orphans_left();

}  // namespace assay
