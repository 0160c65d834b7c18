// Runs that share a machine, and runs that are stopped for a while.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "harness/base/files.h"
#include "harness/measure/affinity.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";
constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\n";
constexpr const char* kSlowly = "[[method]]\nid = \"pretend\"\nends = \"slowly\"\n";

/// Start and end of each process of a pass, in the order of their start.
std::vector<std::pair<std::string, std::string>> processes(const fs::path& database,
                                                           const std::string& pass) {
  SQLite::Database file(database.string());
  SQLite::Statement rows(file,
                         "SELECT started_utc, ended_utc FROM process_run WHERE pass = ? "
                         "ORDER BY started_utc");
  rows.bind(1, pass);
  std::vector<std::pair<std::string, std::string>> found;
  while (rows.executeStep()) found.emplace_back(rows.getColumn(0), rows.getColumn(1));
  return found;
}

int events(const fs::path& database, const std::string& code) {
  SQLite::Database file(database.string());
  SQLite::Statement rows(file, "SELECT count(*) FROM event WHERE code = ?");
  rows.bind(1, code);
  rows.executeStep();
  return rows.getColumn(0);
}

bool overlap(const std::vector<std::pair<std::string, std::string>>& a,
             const std::vector<std::pair<std::string, std::string>>& b) {
  // Of the whole groups: what one times, the other one does not interrupt.
  return !a.empty() && !b.empty() && a.front().first < b.back().second &&
         b.front().first < a.back().second;
}

TEST(Machine, TwoRunsTakeTurnsAtTiming) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kSlowly, kDecode));
  CommandOutput other;
  std::thread second([&] {
    while (!fs::exists(world / "home/working")) std::this_thread::sleep_for(10ms);
    other = world.run({"run", "e.toml", "--db", "second.db"});
  });
  const CommandOutput first = world.run({"run", "e.toml", "--db", "first.db"});
  second.join();
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(other.code, 0) << other.err;
  const std::string both = first.err + other.err;
  EXPECT_THAT(both, HasSubstr("waiting for other work on this machine: "));
  EXPECT_THAT(both, HasSubstr((world / "locks/assay-cpu").string()));
  const auto one = processes(world / "first.db", "time"),
             two = processes(world / "second.db", "time");
  EXPECT_EQ(one.size(), 4U);
  EXPECT_EQ(two.size(), 4U);
  EXPECT_FALSE(overlap(one, two)) << "they timed each other";
}

TEST(Machine, ScoringWaitsForATimedGroupOfAnotherRun) {
  const CliWorld world;
  world.write("time.toml", experiment_text(kSlowly, kDecode));
  world.write("score.toml", experiment_text("", kPpl));
  CommandOutput scored;
  std::thread second([&] {
    while (!fs::exists(world / "home/working")) std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(700ms);  // the fit has ended, the group is being timed
    scored = world.run({"run", "score.toml", "--db", "score.db"});
  });
  const CommandOutput timed = world.run({"run", "time.toml", "--db", "time.db"});
  second.join();
  EXPECT_EQ(timed.code, 0) << timed.err;
  EXPECT_EQ(scored.code, 0) << scored.err;
  EXPECT_FALSE(
      overlap(processes(world / "time.db", "time"), processes(world / "score.db", "score")));
}

/// An experiment under a profile that is pinned to one core.
void write_pinned(const CliWorld& world, const std::string& name, int core) {
  world.write(
      "share/hardware_profiles/" + name + ".toml",
      "id = \"" + name + "\"\nsummary = \"one core\"\ncores = [" + std::to_string(core) + "]\n");
  std::string text = experiment_text(kSlowly, kDecode);
  text.replace(text.find("\"cpu\""), 5, "\"" + name + "\"");
  world.write(name + ".toml", text);
}

TEST(Machine, RunsOnOtherCoresDoNotWait) {
  const std::vector<int> cores = allowed_cores();
  if (cores.size() < 2) GTEST_SKIP() << "one core";
  const CliWorld world;
  write_pinned(world, "first", cores[0]);
  write_pinned(world, "last", cores[1]);
  CommandOutput other;
  std::thread second([&] { other = world.run({"run", "last.toml", "--db", "last.db"}); });
  const CommandOutput first = world.run({"run", "first.toml", "--db", "first.db"});
  second.join();
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_THAT(first.err + other.err, Not(HasSubstr("assay-cpu")));
}

TEST(Machine, AnInterruptEndsTheWaiting) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kSlowly, kDecode));
  const CommandOutput once = world.run({"run", "e.toml", "--db", "once.db"});
  ASSERT_EQ(once.code, 0) << once.err;
  CommandOutput holding;
  fs::remove(world / "home/working");
  std::thread first([&] {
    std::string text = experiment_text(kSlowly, kDecode);
    text.replace(text.find("processes_per_arm = 2"), 21, "processes_per_arm = 6");
    world.write("long.toml", text);
    holding = world.run({"run", "long.toml", "--db", "long.db"});
  });
  while (!fs::exists(world / "home/working")) std::this_thread::sleep_for(10ms);
  const CommandOutput stopped = world.run({"run", "e.toml", "--db", "stopped.db"}, [](long pid) {
    ::kill(static_cast<pid_t>(pid), SIGINT);
  });
  first.join();
  EXPECT_EQ(holding.code, 0) << holding.err;
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("INTERRUPTED"));
}

TEST(Machine, WithoutAPlaceForLocksTheTimesSaySo) {
  CliWorld world;
  world.set("ASSAY_LOCKS", (world / "nowhere").string());
  world.write("e.toml", experiment_text("", kDecode));
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("machine_unlocked"), HasSubstr("assay-cpu0")));
}

/// Stops `assay` as soon as its worker works, for much longer than the time limit and the work.
CommandOutput run_stopped_for_a_while(const CliWorld& world, const std::string& database) {
  const fs::path working = world / "home/working";
  std::thread stopping([&] {
    while (!fs::exists(working)) std::this_thread::sleep_for(5ms);
    const auto pid = static_cast<pid_t>(std::stol(read_text_file(working)));
    ::kill(pid, SIGSTOP);
    std::this_thread::sleep_for(6s);
    ::kill(pid, SIGCONT);
  });
  CommandOutput output = world.run({"run", "e.toml", "--db", database});
  stopping.join();
  return output;
}

std::string with_limit(std::string text) {
  return text.replace(text.find("[measure]\n"), 10, "[measure]\ntimeout_s = 3\n");
}

TEST(Machine, AStoppedRunFindsItsFinishedWorkersWell) {
  const CliWorld world;
  // The first of them is stopped while it fits, the second while it times.
  for (const char* suite : {kPpl, kDecode}) {
    fs::remove(world / "home/working");
    world.write("e.toml", with_limit(experiment_text(kSlowly, suite)));
    const std::string database = suite == kPpl ? "score.db" : "time.db";
    const CommandOutput run = run_stopped_for_a_while(world, database);
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_GT(run.seconds, 5);
    EXPECT_THAT(run.err, AllOf(HasSubstr("2 cells OK"), Not(HasSubstr("TIMEOUT"))));
  }
  EXPECT_EQ(events(world / "score.db", "machine_paused"), 1) << "of the fit's own time";
  EXPECT_EQ(events(world / "time.db", "timed_again"), 1);
  EXPECT_EQ(processes(world / "time.db", "time").size(), 4U);
}

TEST(Machine, AWorkerThatHangsStillEndsAtItsLimit) {
  const CliWorld world;
  world.write("e.toml",
              with_limit(experiment_text("[[method]]\nid = \"pretend\"\nends = \"hang\"\n", kPpl)));
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, HasSubstr("TIMEOUT"));
}

TEST(Machine, SamplingGoesOnUntilTheIntervalIsNarrow) {
  const CliWorld world;
  std::string text = experiment_text("[[method]]\nid = \"pretend\"\n", kDecode);
  text.replace(text.find("processes_per_arm = 2"), 21,
               "processes_per_arm = 3\ntarget_interval = \"5 %\"\nmax_processes_per_arm = 8");
  world.write("e.toml", text);
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(processes(world / "results.db", "time").size(), 2U * 6);
  EXPECT_THAT(run.out, Not(HasSubstr("times_wide_interval")));
  // Every other process of a block takes half as long again.
  world.write("home/slowdown", "1.5 3");
  const CommandOutput noisy = world.run({"run", "e.toml", "--db", "noisy.db"});
  EXPECT_EQ(noisy.code, 0) << noisy.err;
  EXPECT_EQ(processes(world / "noisy.db", "time").size(), 2U * 8);
  EXPECT_THAT(unfolded(noisy.out),
              AllOf(HasSubstr("times_wide_interval"), HasSubstr("asked for is 5 %")));
  world.write("home/slowdown", "1 0");
  EXPECT_THAT(world.run({"run", "e.toml"}).err, HasSubstr("2 of them stored before"));
  text.replace(text.find("\"5 %\""), 5, "\"4 %\"");
  world.write("e.toml", text);
  EXPECT_THAT(world.run({"run", "e.toml"}).err, HasSubstr("0 of them stored before"));
}

}  // namespace
}  // namespace assay
