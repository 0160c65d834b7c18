// What starters, administrators and workers do to a run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <thread>

#include "harness/base/files.h"
#include "tests/faults/fault_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";
constexpr const char* kHanging = "[[method]]\nid = \"pretend\"\nends = \"hang\"\n";

/// Waits until the worker of a hanging cell is at it; its pid.
pid_t hanging_worker(const FaultWorld& world, const BareProcess& run) {
  // The worker of the cell before may still be at its end.
  for (;; ::usleep(5000)) {
    if (!fs::exists(world / "home/hangs")) continue;
    if (const auto children = run.children(); children.size() == 1) return children.front();
  }
}

TEST(Starter, ThatIgnoresChildrenTakesNoMemoryOrTimeAway) {
  const FaultWorld world;
  const CommandOutput run = world.shell("trap '' CHLD; assay run e.toml");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_GT(world.count("process_run"), 0);
  EXPECT_EQ(world.count("process_run WHERE peak_rss_bytes <= 0 OR cpu_seconds <= 0"), 0);
  world.expect_as_undisturbed();
}

TEST(Starter, ThatBlocksOrIgnoresSignalsDoesNotMakeARunDeaf) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    SCOPED_TRACE(number);
    FaultWorld world;
    world.write("e.toml", experiment_text(kHanging, kPpl));
    const auto mask = [](int how) {
      sigset_t all;
      ::sigfillset(&all);
      ::sigprocmask(how, &all, nullptr);
    };
    mask(SIG_BLOCK);
    BareProcess run(world, {"run", "e.toml"});
    mask(SIG_UNBLOCK);
    hanging_worker(world, run);
    ::kill(run.pid(), number);
    const int status = run.end();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 130) << read_text_file(world / "log");
    EXPECT_EQ(orphans_left(), 0U);
    EXPECT_THAT(world.leftovers(), testing::IsEmpty());
    EXPECT_EQ(world.run({"run", "e.toml"}).code, 0);
  }
}

TEST(Starter, ThatSetsNohupKeepsARunThroughTheEndOfItsTerminal) {
  FaultWorld world;
  world.write("e.toml", experiment_text(kHanging, kPpl));
  ::signal(SIGHUP, SIG_IGN);
  BareProcess run(world, {"run", "e.toml"});
  ::signal(SIGHUP, SIG_DFL);
  const pid_t worker = hanging_worker(world, run);
  ::kill(run.pid(), SIGHUP);
  ::usleep(300000);
  EXPECT_FALSE(run.has_ended());
  ::kill(worker, SIGKILL);
  EXPECT_EQ(WEXITSTATUS(run.end()), 0) << "the cell is tried again";
  EXPECT_EQ(world.count("attempt WHERE reason_code = 'signal:SIGKILL'"), 1);
}

TEST(Administrator, WhoEndsAWorkerEndsThatCellAndNotTheRun) {
  FaultWorld world;
  world.write("e.toml",
              experiment_text(
                  std::string(kHanging) + "[[method]]\nid = \"pretend\"\nsparsity = 0.3\n", kPpl));
  BareProcess run(world, {"run", "e.toml"});
  ::kill(hanging_worker(world, run), SIGTERM);
  const int status = run.end();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_THAT(read_text_file(world / "log"),
              AllOf(HasSubstr("CRASHED (signal:SIGTERM)"), HasSubstr("which this run did not send"),
                    HasSubstr("2 cells OK, 0 UNMET, 1 failed")));
  EXPECT_EQ(world.count("attempt WHERE reason_code = 'signal:SIGTERM' AND status = 'CRASHED'"), 1);
  // It was of that hour, and is tried again unasked.
  const CommandOutput again = world.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("3 cells OK, 0 UNMET, 0 failed; 2 of them stored before"));
}

TEST(Limits, OfOpenFilesAreAMessage) {
  for (const int files : {4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22}) {
    SCOPED_TRACE(files);
    const FaultWorld world;
    const CommandOutput run =
        world.shell("ulimit -n " + std::to_string(files) + "; exec assay run e.toml");
    EXPECT_EQ(run.code, 3) << run.err;
    EXPECT_THAT(run.err, AllOf(HasSubstr("Too many open files"), HasSubstr("ulimit -n"),
                               Not(HasSubstr("bug"))));
  }
}

/// A worker that describes itself well, and does this with a request.
void misbehave(FaultWorld& world, const std::string& script) {
  const std::string real = (binary_dir() / "tests/fake_worker").string();
  const fs::path file = world.write(
      "worker", "#!/bin/sh\n[ \"$1\" = --describe ] && exec '" + real + "' --describe\n" + script);
  fs::permissions(file, fs::perms::owner_all);
  world.set("ASSAY_WORKER", file.string());
}

TEST(Workers, ThatAreMissingOrNoProgramsAreAMessage) {
  FaultWorld world;
  for (const char* place : {"/nowhere/assay-worker", "e.toml", "data"}) {
    world.set("ASSAY_WORKER", (world / place).string());
    const CommandOutput run = world.run({"run", "e.toml"});
    EXPECT_EQ(run.code, 3) << run.err;
    EXPECT_THAT(run.err, AllOf(HasSubstr(place), Not(HasSubstr("bug"))));
  }
}

TEST(Workers, ThatPrintWithoutEndAreCappedAndCrashed) {
  FaultWorld world;
  world.write("e.toml", experiment_text("", kPpl));
  misbehave(world, "head -c 100000000 /dev/zero | tr '\\0' x");
  const CommandOutput line = world.run({"run", "e.toml"});
  EXPECT_EQ(line.code, 3);
  EXPECT_THAT(line.err, HasSubstr("CRASHED (protocol)"));
  misbehave(world, "yes complaint | head -c 100000000 >&2; exit 1");
  const CommandOutput log = world.run({"run", "e.toml", "--retry"});
  EXPECT_EQ(log.code, 3);
  EXPECT_THAT(log.err, AllOf(HasSubstr("CRASHED (error)"), HasSubstr("complaint")));
  EXPECT_EQ(world.count("process_run WHERE length(stderr_tail) > 65536"), 0);
  EXPECT_LT(fs::file_size(world / "results.db"), 4U << 20);
}

TEST(Workers, ThatLeaveDaemonsLeaveNone) {
  FaultWorld world;
  world.write("e.toml", experiment_text("", kPpl));
  misbehave(world,
            "for i in 1 2 3; do setsid sh -c 'trap \"\" TERM; echo $$ >> ../../../daemons; sleep "
            "60 & sleep 60' & "
            "done\nsleep 0.3\nexit 4");
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 3);
  EXPECT_LT(run.seconds, 30);
  EXPECT_THAT(run.err, HasSubstr("CRASHED (error)"));
  std::istringstream pids(read_text_file(world / "daemons"));
  int daemons = 0;
  for (std::string pid; pids >> pid; ++daemons) EXPECT_FALSE(fs::exists("/proc/" + pid)) << pid;
  EXPECT_EQ(daemons, 3);
}

TEST(Runs, SixAtOnceOnOneDatabaseLoseNothingAndCloseNobody) {
  const FaultWorld world;
  std::vector<CommandOutput> outputs(6);
  {
    std::vector<std::jthread> threads;
    for (CommandOutput& output : outputs) {
      threads.emplace_back([&] { output = world.run({"run", "e.toml"}); });
    }
  }
  for (const CommandOutput& output : outputs) {
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("20 cells OK, 0 UNMET, 0 failed"),
                                  Not(HasSubstr("locked")), Not(HasSubstr("no sign of life"))));
    EXPECT_EQ(output.out, outputs.front().out);
  }
  EXPECT_EQ(world.count("attempt"), 20) << "a cell was closed as stale, or done twice";
  world.expect_as_undisturbed();
}

}  // namespace
}  // namespace assay
