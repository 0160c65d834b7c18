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
