#include "tests/faults/fault_world.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/build_paths.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMethods =
    "[[method]]\nid = \"pretend\"\n"
    "sparsity = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]\n";
constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr int kCells = 20;

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> pids;
  std::error_code gone;
  const fs::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : fs::directory_iterator(tasks, gone)) {
    std::ifstream list(task.path() / "children");
    for (pid_t child = 0; list >> child;) pids.push_back(child);
  }
  return pids;
}

}  // namespace

FaultWorld::FaultWorld() { write("e.toml", experiment_text(kMethods, kSuites)); }

std::string FaultWorld::table() const {
  // What else the machine did meanwhile is said beside the times, and has nothing to do with
  // faults; that a cell was tried again is what a fault leaves.
  const fs::path copy = *this / "copy.db";
  fs::copy_file(*this / "results.db", copy, fs::copy_options::overwrite_existing);
  SQLite::Database(copy.string(), SQLite::OPEN_READWRITE)
      .exec(
          "DELETE FROM event WHERE code LIKE 'machine_%' OR code = 'tried_again'; "
          "UPDATE attempt SET checksum = NULL");
  const CommandOutput report = run({"report", "copy.db"});
  fs::remove(copy);
  EXPECT_EQ(report.code, 0) << report.err;
  const std::size_t end = report.out.find("Times are of machine");
  EXPECT_NE(end, std::string::npos) << report.out;
  return report.out.substr(0, end);
}

const std::string& FaultWorld::undisturbed_table() {
  static const std::string table = [] {
    const FaultWorld world;
    const CommandOutput run = world.run({"run", "e.toml"});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_THAT(run.err, testing::HasSubstr("20 cells OK, 0 UNMET, 0 failed"));
    return world.table();
  }();
  return table;
}

std::int64_t FaultWorld::count(const std::string& what) const {
  SQLite::Database database((*this / "results.db").string());
  return database.execAndGet("SELECT count(*) FROM " + what).getInt64();
}

void FaultWorld::expect_whole_database() const {
  if (!fs::exists(*this / "results.db")) return;  // it died before the plan was accepted
  SQLite::Database database((*this / "results.db").string(), SQLite::OPEN_READWRITE);
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  SQLite::Statement foreign(database, "PRAGMA foreign_key_check");
  EXPECT_FALSE(foreign.executeStep()) << "a row refers to nothing";
}

void FaultWorld::expect_as_undisturbed() const {
  expect_whole_database();
  EXPECT_EQ(table(), undisturbed_table());
  EXPECT_EQ(count("attempt WHERE status IN ('QUEUED', 'RUNNING')"), 0);
  EXPECT_EQ(count("(SELECT DISTINCT cell_key FROM attempt WHERE status = 'OK')"), kCells);
  EXPECT_THAT(leftovers(), testing::IsEmpty());
}

std::vector<std::string> FaultWorld::leftovers() const {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(*this / ".")) {
    const std::string name = entry.path().filename().string();
    const bool unfinished = name.ends_with(".tmp") || name.ends_with(".partial") ||
                            name.find(".run-") != std::string::npos || name.ends_with("-journal");
    const bool scratch = entry.path().parent_path().filename() == "scratch";
    if (unfinished || scratch) found.push_back(entry.path().string());
  }
  return found;
}

CommandOutput with_mounts(const FaultWorld& world, const std::string& script) {
  return world.shell("exec unshare --mount --propagation private sh -c '" + script + "'");
}

bool can_mount() {
  static const bool can =
      with_mounts(FaultWorld(), "mkdir box && mount -t tmpfs none box").code == 0;
  return can;
}

BareProcess::BareProcess(const FaultWorld& world, const std::vector<std::string>& arguments) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::vector<std::string> words = {(binary_dir() / "bin/assay").string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings = world.environment();
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  const auto argv = pointers(words), environment = pointers(settings);
  const std::string folder = (world / ".").string(), log = (world / "log").string();
  pid_ = ::fork();
  if (pid_ != 0) return;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (::chdir(folder.c_str()) == 0 && ::dup2(out, 1) == 1 && ::dup2(out, 2) == 2) {
    ::execve(argv[0], argv.data(), environment.data());
  }
  ::_exit(127);
}

std::vector<pid_t> BareProcess::children() const { return children_of(pid_); }

int BareProcess::end() {
  if (!ended_) ::waitpid(pid_, &status_, 0);
  ended_ = true;
  return status_;
}

bool BareProcess::has_ended() {
  if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return ended_;
}

std::size_t orphans_left() {
  constexpr int kLooks = 500;
  for (int look = 0; look < kLooks; ++look) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (children_of(::getpid()).empty()) return 0;
    ::usleep(10000);
  }
  return children_of(::getpid()).size();
}

}  // namespace assay
