// Nothing is decided by the wall clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/faults/fault_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using testing::HasSubstr;

void set_back(FaultWorld& world, long seconds) {
  world.set("LD_PRELOAD", (binary_dir() / "tests/fake_clock.so").string());
  world.set("FAKE_CLOCK_BACK", std::to_string(seconds));
}

TEST(SetBackClock, IsReallySeenByTheProgram) {
  FaultWorld world;
  set_back(world, 20L * 365 * 24 * 3600);
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  EXPECT_GT(world.count("attempt WHERE started_utc < '2020'"), 0);
  // A second for every look: no attempt seems to end after its beginning.
  EXPECT_GT(world.count("attempt WHERE ended_utc < started_utc"), 0);
}

TEST(SetBackClock, WhileARunIsAtWorkChangesNothing) {
  FaultWorld world;
  set_back(world, 0);
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  world.expect_as_undisturbed();
}

TEST(SetBackClock, BetweenTwoRunsChangesNothing) {
  FaultWorld world;
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  set_back(world, 86400);
  const CommandOutput later = world.run({"run", "e.toml"});
  EXPECT_EQ(later.code, 0) << later.err;
  EXPECT_THAT(later.err, HasSubstr("20 of them stored before; 0 artefacts fitted"));
  world.expect_as_undisturbed();
}

TEST(SetBackClock, AfterARunWasKilledIsNoHindranceToResume) {
  FaultWorld world;
  {
    BareProcess run(world, {"run", "e.toml"});
    while (run.children().empty() && !run.has_ended()) {
    }
    ::kill(run.pid(), SIGKILL);
    run.end();
  }
  EXPECT_EQ(orphans_left(), 0U);
  set_back(world, 86400);
  const CommandOutput resumed = world.run({"run", "e.toml"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  world.expect_as_undisturbed();
}

}  // namespace
}  // namespace assay
