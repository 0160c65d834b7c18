// Failures that others had, each as a test named after its row (docs/failure_catalogue.md).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

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

std::string pretend(const std::string& lines) {
  return "[[method]]\nid = \"pretend\"\n" + lines + "\n";
}

void wait_for(const fs::path& file) {
  while (!fs::exists(file)) ::usleep(5000);
}

/// How many scores workers were asked for so far.
int scores(const FaultWorld& world) {
  std::istringstream lines(read_text_file(world / "home/asked"));
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += line.starts_with("score") ? 1 : 0;
  return count;
}

/// The peer's cache knew the request but not the model, and answered for the one with the other.
TEST(Museum, museum_01_cache_identity) {
  const FaultWorld world;
  const auto asked_by = [&](const std::string& methods) {
    world.write("e.toml", experiment_text(methods, kPpl));
    const int before = fs::exists(world / "home/asked") ? scores(world) : 0;
    EXPECT_EQ(world.run({"run", "e.toml"}).code, 0);
    return scores(world) - before;
  };
  EXPECT_EQ(asked_by(""), 1);
  EXPECT_EQ(asked_by(""), 0) << "the same of everything";
  EXPECT_EQ(asked_by(pretend("sparsity = 0.1")), 1) << "another method";
  EXPECT_EQ(asked_by(pretend("sparsity = 0.2")), 1) << "another parameter";
  std::fstream weights(world / "model/model.safetensors",
                       std::ios::in | std::ios::out | std::ios::binary);
  weights.seekg(-1, std::ios::end);
  const char bit = static_cast<char>(weights.peek() ^ 1);
  weights.seekp(-1, std::ios::end);
  weights.put(bit);
  weights.close();
  EXPECT_EQ(asked_by(pretend("sparsity = 0.2")), 2) << "another model of the same name";
}

/// Peers resume because a file is there, and serve what older settings made.
TEST(Museum, museum_15_resume_identity) {
  const FaultWorld world;
  const auto stored_before = [&](const std::string& methods) {
    world.write("e.toml", experiment_text(methods, kPpl));
    const CommandOutput run = world.run({"run", "e.toml"});
    EXPECT_EQ(run.code, 0) << run.err;
    return run.err.substr(run.err.rfind("failed; ") + 8, 1);
  };
  EXPECT_EQ(stored_before(pretend("sparsity = 0.25\nends = \"well\"")), "0");
  EXPECT_EQ(stored_before(pretend("# a comment\nends = \"well\"\nsparsity = 2.5e-1")), "2");
  world.write("e.toml", experiment_text(pretend("sparsity = 0.5\nends = \"well\""), kPpl));
  EXPECT_THAT(world.run({"plan", "e.toml"}).out, HasSubstr("sparsity differs: 0.5"));
  EXPECT_EQ(stored_before(pretend("sparsity = 0.5\nends = \"well\"")), "1");
}

/// The peer reads each job's settings when the job begins: an edit meanwhile changes later jobs.
TEST(Museum, museum_16_frozen_plan) {
  const FaultWorld world;
  world.write("e.toml", experiment_text(pretend("ends = \"slowly\"\nsparsity = [0.1, 0.2]"), kPpl));
  BareProcess run(world, {"run", "e.toml"});
  wait_for(world / "home/working");
  world.write("e.toml", experiment_text(pretend("sparsity = 0.9"), kPpl));
  const int status = run.end();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << read_text_file(world / "log");
  const std::string asked = read_text_file(world / "home/asked");
  EXPECT_THAT(asked, AllOf(HasSubstr("\"sparsity\":0.1"), HasSubstr("\"sparsity\":0.2"),
                           Not(HasSubstr("\"sparsity\":0.9"))));
  EXPECT_EQ(world.count("attempt WHERE status = 'OK'"), 3);
}

/// The peer tells of failures when everything is over.
TEST(Museum, museum_17_early_error) {
  const FaultWorld world;
  world.write("e.toml",
              experiment_text(pretend("ends = \"error\"") + pretend("ends = \"hang\""), kPpl));
  BareProcess run(world, {"run", "e.toml"});
  wait_for(world / "home/hangs");
  // The next cell is at work now: what the last one came to has been said and stored.
  EXPECT_THAT(read_text_file(world / "log"), HasSubstr("CRASHED (error)"));
  EXPECT_EQ(world.count("attempt WHERE status = 'CRASHED'"), 1);
  ::kill(run.pid(), SIGINT);
  EXPECT_EQ(WEXITSTATUS(run.end()), 130);
}

/// Likewise while others are at work: nobody waits for them.
TEST(Museum, museum_17_early_error_beside_others) {
  const FaultWorld world;
  world.write("e.toml",
              experiment_text(pretend("ends = \"error\"") + pretend("ends = \"hang\""), kPpl));
  BareProcess run(world, {"run", "e.toml", "--jobs", "3"});
  wait_for(world / "home/hangs");
  while (read_text_file(world / "log").find("CRASHED (error)") == std::string::npos) {
    ASSERT_FALSE(run.has_ended());
    ::usleep(5000);
  }
  EXPECT_EQ(world.count("attempt WHERE status = 'CRASHED'"), 1);
  EXPECT_GE(world.count("attempt WHERE status = 'RUNNING'"), 1) << "the one that hangs";
  ::kill(run.pid(), SIGINT);
  EXPECT_EQ(WEXITSTATUS(run.end()), 130);
}

/// The peer's parent spins while its child measures, and takes a core away from it.
TEST(Museum, museum_18_parent_cpu) {
  FaultWorld world;
  world.write("e.toml", experiment_text("", kPpl));
  const std::string real = (binary_dir() / "tests/fake_worker").string();
  const fs::path slow =
      world.write("worker", "#!/bin/sh\n[ $# = 0 ] && sleep 10\nexec '" + real + "' \"$@\"\n");
  fs::permissions(slow, fs::perms::owner_all);
  world.set("ASSAY_WORKER", slow.string());
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(world.count("process_run WHERE wall_seconds > 10"), 1);
  EXPECT_EQ(world.count("process_run WHERE parent_cpu_seconds > 0.01 * wall_seconds"), 0);
}

/// The peer's result is VALID although its log has errors.
TEST(Museum, museum_19_error_event) {
  const FaultWorld world;
  world.write("e.toml", experiment_text(pretend("ends = \"complains\""), kPpl));
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 3) << run.err;
  EXPECT_EQ(world.count("attempt WHERE status = 'INVALID' AND reason_code = 'error_event'"), 1);
  EXPECT_EQ(world.count("attempt WHERE status = 'OK'"), 1) << "dense said nothing";
  const std::string report = unfolded(world.run({"report", "results.db"}).out);
  EXPECT_THAT(report, AllOf(HasSubstr("INVALID"),
                            HasSubstr("table_broken: a table of the method did not fit"),
                            Not(HasSubstr("30.0"))));
}

/// Files that were opened to be written, and calls that change the machine, while a command ran.
std::vector<std::string> watched(FaultWorld& world, const std::vector<std::string>& command) {
  const fs::path log = world / "writes";
  fs::remove(log);
  world.set("WATCHED_WRITES", log.string());
  world.set("LD_PRELOAD", (binary_dir() / "tests/watch_writes.so").string());
  const CommandOutput done = world.run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  std::istringstream lines(read_text_file(log));
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) found.push_back(line);
  return found;
}

/// The peer tunes the machine for its measurements, and leaves it slow.
TEST(Museum, museum_21_no_tuning) {
  FaultWorld world;
  world.write("e.toml", experiment_text(pretend("ends = \"well\""),
                                        std::string(kPpl) + "[[suite]]\nid = \"decode\"\n"));
  // What the worker does is watched as well: its own environment is built from a list.
  const std::string real = (binary_dir() / "tests/fake_worker").string();
  const fs::path wrapped = world.write(
      "worker", "#!/bin/sh\nexport LD_PRELOAD='" +
                    (binary_dir() / "tests/watch_writes.so").string() + "' WATCHED_WRITES='" +
                    (world / "writes").string() + "'\nexec '" + real + "' \"$@\"\n");
  fs::permissions(wrapped, fs::perms::owner_all);
  world.set("ASSAY_WORKER", wrapped.string());
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"run", "e.toml"},
        {"doctor", "--comparisons", "0", "--db", "results.db"},
        {"compare", "dense", "dense", "--db", "results.db"}}) {
    const std::vector<std::string> writes = watched(world, command);
    EXPECT_THAT(writes, testing::Contains(HasSubstr("results.db"))) << "the watch sees nothing";
    for (const std::string& write : writes) {
      EXPECT_FALSE(write.starts_with("sched_") || write.starts_with("setpriority") ||
                   write.starts_with("nice"))
          << write;
      const std::string path = write.substr(write.find(' ') + 1);
      // Of the process itself: how it is counted and killed, nobody else.
      const bool of_itself = path.starts_with("/proc/self/");
      EXPECT_FALSE(!of_itself && (path.starts_with("/proc/") || path.starts_with("/sys/")))
          << write;
    }
  }
}

/// The peer gives the mean of the tasks that happened to finish.
TEST(Museum, museum_28_incomplete_group) {
  const FaultWorld world;
  // Grouped by method, two results share a place: the one that finished does not stand for both.
  world.write("e.toml", experiment_text(pretend("ends = \"once\""),
                                        "[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n"
                                        "[[suite]]\nid = \"letters-ppl\"\nwindow = 16\n"));
  EXPECT_EQ(world.run({"run", "e.toml", "--retry-now", "CRASHED=0"}).code, 3);
  EXPECT_EQ(world.count("attempt WHERE status = 'CRASHED'"), 1);
  const std::string report = unfolded(world
                                          .run({"report", "results.db", "--group-by", "method",
                                                "--pivot", "model", "--columns", "token_ppl"})
                                          .out);
  EXPECT_THAT(report, AllOf(HasSubstr("INCOMPLETE"), HasSubstr("is CRASHED"),
                            HasSubstr("suite.window"), Not(HasSubstr("30.0"))));
  EXPECT_THAT(unfolded(world.run({"report", "results.db"}).out), HasSubstr("CRASHED"));
  // A group of another program's results is no value of its own, and who is missing is named.
  world.write("g.json", R"({"results": {"a": {"acc,none": 0.75}, "both": {"acc,none": 0.75}},
                            "groups": {"both": {"acc,none": 0.75}}, "versions": {},
                            "group_subtasks": {"both": ["a", "b"]}, "model_name": "m",
                            "config": {"model": "hf"}})");
  const CommandOutput imported = world.run({"import", "g.json", "--db", "g.db"});
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_THAT(imported.out, AllOf(HasSubstr("1 cells"), HasSubstr("has no result of: b")));
  EXPECT_THAT(world.run({"report", "g.db", "--format", "csv"}).out, Not(HasSubstr(",both,")));
}

/// The peer does not hear Ctrl-C, and SIGQUIT deletes the folder of its results.
TEST(Museum, museum_22_signals) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGKILL}) {
    SCOPED_TRACE(number);
    const FaultWorld world;
    world.write("e.toml", experiment_text(pretend("ends = \"hang\""), kPpl));
    BareProcess run(world, {"run", "e.toml"});
    wait_for(world / "home/hangs");
    ::kill(run.pid(), number);
    const int status = run.end();
    const bool polite = number == SIGINT || number == SIGTERM;
    EXPECT_EQ(polite ? WEXITSTATUS(status) : WTERMSIG(status), polite ? 130 : number);
    EXPECT_EQ(orphans_left(), 0U);
    world.expect_whole_database();
    EXPECT_EQ(world.count("attempt WHERE status = 'OK'"), 1) << "an earlier row is gone";
    EXPECT_EQ(world.count("attempt WHERE status = 'INTERRUPTED'"), polite ? 1 : 0);
    const CommandOutput resumed = world.run({"run", "e.toml"});
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("2 cells OK, 0 UNMET, 0 failed; 1 of them stored before"));
    EXPECT_EQ(world.count("attempt WHERE status = 'INTERRUPTED'"), 1);
    EXPECT_THAT(world.leftovers(), testing::IsEmpty());
  }
}

}  // namespace
}  // namespace assay
