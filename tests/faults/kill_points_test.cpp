// A plan of twenty cells, of which the program or one of its workers is killed at a random moment,
// and the run that goes on afterwards; one job at a time, and three. ASSAY_KILL_POINTS says at how
// many moments (8), ASSAY_KILL_SEED which ones.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <random>
#include <string>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "tests/faults/fault_world.h"

namespace assay {
namespace {

/// What a kill met, for the summary.
struct Tally {
  int parents = 0, workers = 0, too_late = 0;
  std::map<std::string, int> first_codes;
  std::map<std::string, std::int64_t> statuses;  ///< of attempts that are not OK
};

/// Kills the program, or the worker that it has or next has, after so many seconds.
bool kill_after(BareProcess& run, double seconds, bool worker) {
  const double at = monotonic_seconds() + seconds;
  while (monotonic_seconds() < at && !run.has_ended()) ::usleep(500);
  while (!run.has_ended()) {
    if (!worker) return ::kill(run.pid(), SIGKILL) == 0;
    const auto children = run.children();
    if (!children.empty()) return ::kill(children.front(), SIGKILL) == 0;
  }
  return false;
}

double seconds_of_a_run() {
  const FaultWorld world;
  const double start = monotonic_seconds();
  BareProcess run(world, {"run", "e.toml"});
  EXPECT_EQ(run.end(), 0);
  return monotonic_seconds() - start;
}

void tally_attempts(const FaultWorld& world, Tally& tally) {
  for (const char* status : {"INTERRUPTED", "CRASHED", "TIMEOUT", "OOM", "INVALID", "NAN"}) {
    const std::int64_t count = world.count(std::string("attempt WHERE status = '") + status + "'");
    if (count > 0) tally.statuses[status] += count;
  }
}

void disturb_and_go_on(double seconds, bool worker, const std::string& jobs, Tally& tally) {
  const FaultWorld world;
  BareProcess run(world, {"run", "e.toml", "--jobs", jobs});
  const bool killed = kill_after(run, seconds, worker);
  const int status = run.end();
  (killed ? worker ? tally.workers : tally.parents : tally.too_late) += 1;
  ++tally.first_codes[WIFSIGNALED(status) ? "killed" : std::to_string(WEXITSTATUS(status))];
  EXPECT_EQ(orphans_left(), 0U);
  world.expect_whole_database();
  const CommandOutput resumed = world.run({"run", "e.toml", "--retry", "--jobs", jobs});
  EXPECT_EQ(resumed.code, 0) << resumed.err << read_text_file(world / "log");
  world.expect_as_undisturbed();
  tally_attempts(world, tally);
}

TEST(KillPoints, EveryRunEndsWithTheTableOfAnUndisturbedOne) {
  const int points = std::stoi(environment_or("ASSAY_KILL_POINTS", "8"));
  const auto seed = static_cast<unsigned>(std::stoul(environment_or("ASSAY_KILL_SEED", "1")));
  FaultWorld::undisturbed_table();
  const double length = std::min(seconds_of_a_run(), seconds_of_a_run());
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> moment(0, length);
  Tally tally;
  // A moment that came after the end of the run is drawn again.
  for (int point = 0; point < points + tally.too_late && !HasFailure(); ++point) {
    const double seconds = moment(random);
    const int kills = tally.parents + tally.workers;
    const bool worker = kills % 2 == 1;
    const std::string jobs = kills % 4 < 2 ? "1" : "3";
    SCOPED_TRACE(std::string(worker ? "worker" : "program") + " of " + jobs +
                 " jobs killed after " + std::to_string(seconds) + " s, point " +
                 std::to_string(point) + " of seed " + std::to_string(seed));
    disturb_and_go_on(seconds, worker, jobs, tally);
  }
  std::printf(
      "%d moments within %.2f s, seed %u: %d programs and %d workers killed; %d more came too "
      "late\n",
      points, length, seed, tally.parents, tally.workers, tally.too_late);
  for (const auto& [code, count] : tally.first_codes) {
    std::printf("  disturbed runs that ended with %s: %d\n", code.c_str(), count);
  }
  for (const auto& [status, count] : tally.statuses) {
    std::printf("  attempts stored as %s: %lld\n", status.c_str(), static_cast<long long>(count));
  }
}

}  // namespace
}  // namespace assay
