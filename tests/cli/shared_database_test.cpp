// Several runs at once on one database: they share the work, whoever else sees them, and whoever
// dies.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";
constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\n";

std::string slow(const std::string& shares) {
  return "[[method]]\nid = \"pretend\"\nends = \"slow\"\nsparsity = [" + shares + "]\n";
}
std::string hanging() { return "[[method]]\nid = \"pretend\"\nends = \"hang\"\n"; }

/// How often each request was answered.
std::map<std::string, int> asked(const CliWorld& world) {
  std::map<std::string, int> counts;
  std::istringstream lines(read_text_file(world / "home/asked"));
  for (std::string line; std::getline(lines, line);) ++counts[line];
  return counts;
}

std::int64_t scores_asked(const CliWorld& world) {
  std::int64_t scores = 0;
  for (const auto& [request, times] : asked(world)) {
    scores += request.starts_with("score") ? times : 0;
  }
  return scores;
}

void expect_each_once(const CliWorld& world) {
  for (const auto& [request, times] : asked(world)) {
    EXPECT_EQ(times, request.starts_with("time") ? 2 : 1) << request;
  }
}

std::int64_t count(const CliWorld& world, const std::string& what) {
  SQLite::Database database((world / "results.db").string());
  return database.execAndGet("SELECT count(*) FROM " + what).getInt64();
}

int files_with(const CliWorld& world, const std::string& part) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(world / ".")) {
    files += entry.path().filename().string().find(part) == std::string::npos ? 0 : 1;
  }
  return files;
}

void expect_no_sign_left(const CliWorld& world) { EXPECT_EQ(files_with(world, ".run-"), 0); }

/// Runs the same several times at once.
std::vector<CommandOutput> at_once(std::size_t times, const std::function<CommandOutput()>& run) {
  std::vector<CommandOutput> outputs(times);
  std::vector<std::thread> threads;
  for (CommandOutput& output : outputs) {
    threads.emplace_back([&output, &run] { output = run(); });
  }
  for (std::thread& thread : threads) thread.join();
  return outputs;
}

/// A run in the background that has come to the cell that hangs.
class HangingRun {
 public:
  explicit HangingRun(const CliWorld& world)
      : thread_([this, &world] {
          output_ = world.run({"run", "e.toml"}, [this](long pid) { pid_ = pid; });
        }) {
    while (!fs::exists(world / "home/hangs") || pid_ == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void signal(int number) const { ::kill(static_cast<pid_t>(pid_), number); }
  [[nodiscard]] long pid() const { return pid_; }
  const CommandOutput& end() {
    thread_.join();
    return output_;
  }

 private:
  std::atomic<long> pid_ = 0;
  CommandOutput output_;
  std::thread thread_;
};

TEST(SharedDatabase, FourRunsMeasureEachCellOnceInTotal) {
  const CliWorld world;
  world.write("e.toml",
              experiment_text(slow("0.1, 0.2, 0.3, 0.4, 0.5, 0.6"), std::string(kPpl) + kDecode));
  const auto outputs = at_once(4, [&] { return world.run({"run", "e.toml"}); });
  for (const CommandOutput& output : outputs) {
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.out, outputs.front().out);
    EXPECT_THAT(output.err, HasSubstr("14 cells OK, 0 UNMET, 0 failed"));
  }
  expect_each_once(world);
  EXPECT_EQ(asked(world).size(), 7U + 6U + 7U) << "scores, fits and timed cells";
  EXPECT_EQ(count(world, "attempt"), 14);
  EXPECT_EQ(count(world, "attempt WHERE status = 'OK'"), 14);
  expect_no_sign_left(world);
  EXPECT_EQ(files_with(world, ".bak"), 0) << "a new file was taken for one of an older version";
  EXPECT_THAT(world.run({"run", "e.toml"}).err, HasSubstr("14 of them stored before"));
}

TEST(SharedDatabase, ExperimentsThatShareCellsDoSoToo) {
  const CliWorld world;
  world.write("a.toml", experiment_text(slow("0.1, 0.2, 0.3"), kPpl));
  world.write("b.toml", experiment_text(slow("0.2, 0.3, 0.4"), kPpl));
  CommandOutput other;
  std::thread thread([&] { other = world.run({"run", "a.toml"}); });
  const CommandOutput one = world.run({"run", "b.toml"});
  thread.join();
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(other.code, 0) << other.err;
  expect_each_once(world);
  EXPECT_EQ(count(world, "attempt"), 5);
}

TEST(SharedDatabase, AKilledRunsCellIsTakenOverByTheOneThatWaits) {
  const CliWorld world;
  world.write("e.toml", experiment_text(hanging(), kPpl));
  HangingRun first(world);
  int ticks = 0;
  const CommandOutput second = world.run({"run", "e.toml"}, [&](long) {
    if (++ticks == 3) first.signal(SIGKILL);
  });
  EXPECT_EQ(first.end().code, 128 + SIGKILL);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.err,
              AllOf(HasSubstr("waiting for another run on this database (process " +
                              std::to_string(first.pid())),
                    HasSubstr("2 cells OK, 0 UNMET, 0 failed; 1 of them stored before")));
  EXPECT_EQ(count(world, "attempt WHERE status = 'INTERRUPTED' AND reason_code = 'parent_gone'"),
            1);
}

TEST(SharedDatabase, AnInterruptEndsTheWaitAndAStoppedRunKeepsItsCell) {
  const CliWorld world;
  world.write("e.toml", experiment_text(hanging(), kPpl));
  HangingRun first(world);
  first.signal(SIGSTOP);
  int ticks = 0;
  const CommandOutput second = world.run({"run", "e.toml"}, [&](long pid) {
    if (++ticks == 3) ::kill(static_cast<pid_t>(pid), SIGINT);
  });
  EXPECT_EQ(second.code, 130) << second.err;
  EXPECT_THAT(second.err, HasSubstr("waiting for another run"));
  EXPECT_EQ(count(world, "attempt WHERE status = 'RUNNING'"), 1);
  first.signal(SIGCONT);
  first.signal(SIGINT);
  const CommandOutput& stopped = first.end();
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(world.run({"run", "e.toml"}).code, 0);
}

TEST(SharedDatabase, ContainersDoNotTakeEachOtherForDead) {
  const CliWorld world;
  const auto in_container = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--pid", "--fork", "--mount-proc"});
    return world.run_program("/usr/bin/unshare", words);
  };
  if (in_container({"true"}).code != 0) {
    GTEST_SKIP() << "pid namespaces need root; ClaimsTest covers a foreign process number";
  }
  world.write("e.toml", experiment_text(slow("0.1, 0.2, 0.3, 0.4"), std::string(kPpl) + kDecode));
  const std::string assay = (binary_dir() / "bin/assay").string();
  const auto outputs = at_once(2, [&] { return in_container({assay, "run", "e.toml"}); });
  for (const CommandOutput& output : outputs) {
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_THAT(output.err, HasSubstr("10 cells OK, 0 UNMET, 0 failed"));
  }
  expect_each_once(world);
  EXPECT_EQ(count(world, "attempt"), 10) << "none was closed by the other";
}

TEST(SharedDatabase, WhoWakesUpAndLostItsCellSaysSoAndGoesOn) {
  const CliWorld world;
  world.write("e.toml", experiment_text(slow("0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8"), kPpl));
  CommandOutput second;
  const CommandOutput first = world.run({"run", "e.toml"}, [&](long pid) {
    if (!second.err.empty() || !fs::exists(world / "home/asked")) return;
    ::kill(static_cast<pid_t>(pid), SIGSTOP);
    // In the middle of a score: a stopped run keeps a fit, which others would wait for.
    if (scores_asked(world) == count(world, "attempt WHERE status = 'OK'") + 1) {
      for (const auto& entry : fs::directory_iterator(world / ".")) {
        if (entry.path().string().find(".run-") != std::string::npos) fs::remove(entry.path());
      }
      second = world.run({"run", "e.toml"});
    }
    ::kill(static_cast<pid_t>(pid), SIGCONT);
  });
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("found no sign of life of this one"),
                               HasSubstr("9 cells OK, 0 UNMET, 0 failed")));
  EXPECT_EQ(first.out, second.out);
}

TEST(SharedDatabase, EightRunsAtOnceMigrateAnOldFile) {
  const CliWorld world;
  world.write("e.toml", experiment_text(slow("0.1, 0.2"), kPpl));
  {
    SQLite::Database old((world / "results.db").string(),
                         SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(read_text_file(source_dir() / "harness/store/migrations/0001_initial.sql"));
    old.exec("PRAGMA user_version = 1; PRAGMA application_id = 1095975257");
  }
  const auto outputs = at_once(8, [&] { return world.run({"run", "e.toml"}); });
  for (const CommandOutput& output : outputs) EXPECT_EQ(output.code, 0) << output.err;
  expect_each_once(world);
  EXPECT_EQ(count(world, "attempt"), 3);
  EXPECT_TRUE(fs::exists(world / "results.db.v1.bak"));
  SQLite::Database database((world / "results.db").string());
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

}  // namespace
}  // namespace assay
