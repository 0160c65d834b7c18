// `assay run --jobs N`: several fits and scores at a time.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kMethods =
    "[[method]]\nid = \"pretend\"\nsparsity = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]\n";
constexpr const char* kSuites =
    "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n"
    "[[suite]]\nid = \"decode\"\n";

class Jobs : public testing::Test {
 protected:
  void SetUp() override { world_.write("e.toml", experiment_text(kMethods, kSuites)); }

  /// How many workers each request of an operation found at work, with its own.
  [[nodiscard]] std::vector<int> seen(const std::string& operation) const {
    std::istringstream lines(read_text_file(world_ / "home/seen"));
    std::vector<int> counts;
    std::string name;
    for (int count = 0; lines >> name >> count;) {
      if (name == operation) counts.push_back(count);
    }
    return counts;
  }
  [[nodiscard]] std::ptrdiff_t at_work() const {
    const auto all = fs::directory_iterator(world_ / "home/present");
    return std::distance(begin(all), end(all));
  }
  [[nodiscard]] std::int64_t count(const std::string& what) const {
    SQLite::Database file((world_ / "results.db").string());
    return file.execAndGet("SELECT count(*) FROM " + what).getInt64();
  }
  void close_gate() {
    fs::create_directories(world_ / "home/present");
    world_.write("home/gate", "");
  }
  /// What a database holds, without the lines on machine and overhead, and without what else the
  /// machine did.
  [[nodiscard]] std::string table(const std::string& database) const {
    fs::copy_file(world_ / database, world_ / "copy.db", fs::copy_options::overwrite_existing);
    SQLite::Database((world_ / "copy.db").string(), SQLite::OPEN_READWRITE)
        .exec("DELETE FROM event WHERE code LIKE 'machine_%'; UPDATE attempt SET checksum = NULL");
    const CommandOutput report = world_.run({"report", "copy.db"});
    EXPECT_EQ(report.code, 0) << report.err;
    const std::size_t end = report.out.find("Times are of machine");
    EXPECT_NE(end, std::string::npos) << report.out;
    return report.out.substr(0, end);
  }

  CliWorld world_;
};

TEST_F(Jobs, ThreeWorkAtATimeAndNoneWhileTimesAreTaken) {
  close_gate();
  bool met = false;
  const CommandOutput run = world_.run({"run", "e.toml", "--jobs", "3"}, [&](long) {
    if (met || at_work() < 3) return;
    met = true;
    fs::remove(world_ / "home/gate");
  });
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("21 cells OK, 0 UNMET, 0 failed"));
  std::vector<int> together = seen("score");
  const std::vector<int> fits = seen("fit"), times = seen("time");
  together.insert(together.end(), fits.begin(), fits.end());
  EXPECT_EQ(*std::max_element(together.begin(), together.end()), 3);
  EXPECT_THAT(together, SizeIs(14 + 6));
  EXPECT_THAT(times, AllOf(Not(IsEmpty()), Each(1)));
}

TEST_F(Jobs, TheTableIsThatOfOneAtATime) {
  const CommandOutput one = world_.run({"run", "e.toml", "--db", "one.db"});
  fs::remove_all(world_ / "home/artefacts");
  const CommandOutput three = world_.run({"run", "e.toml", "--jobs", "3"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(three.code, 0) << three.err;
  EXPECT_EQ(table("results.db"), table("one.db"));
  EXPECT_THAT(three.err, HasSubstr("6 artefacts fitted"));
  // A worker an artefact, as without.
  EXPECT_EQ(count("(SELECT DISTINCT pid FROM process_run WHERE pass = 'score')"), 7);
  EXPECT_THAT(world_.run({"run", "e.toml", "--jobs", "3"}).err, HasSubstr("21 of them stored"));
}

TEST_F(Jobs, AnInterruptEndsAllOfThemAndNothingIsLost) {
  EXPECT_EQ(world_.run({"run", "e.toml", "--db", "whole.db"}).code, 0);
  fs::remove_all(world_ / "home/artefacts");
  close_gate();
  const CommandOutput stopped = world_.run({"run", "e.toml", "-j", "3"}, [&](long pid) {
    if (at_work() == 3) ::kill(static_cast<pid_t>(pid), SIGINT);
  });
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(count("attempt WHERE status = 'INTERRUPTED'"), 3);
  EXPECT_EQ(count("attempt"), 3);
  fs::remove(world_ / "home/gate");
  EXPECT_EQ(world_.run({"run", "e.toml", "--jobs", "3"}).code, 0);
  EXPECT_EQ(table("results.db"), table("whole.db"));
}

TEST_F(Jobs, MoreThreadsThanCoresAreSaid) {
  world_.write("share/hardware_profiles/cpu.toml",
               "id = \"cpu\"\nsummary = \"CPU\"\ndevice = \"cpu\"\ndtype = \"fp32\"\nthreads = 1\n"
               "cores = [0]\n");
  const CommandOutput run = world_.run({"run", "e.toml", "--jobs", "2"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("note: 2 workers with 1 thread each share 1 core under profile"));
  EXPECT_THAT(world_.run({"run", "e.toml", "--db", "one.db"}).err, Not(HasSubstr("note:")));
}

TEST_F(Jobs, NumbersThatAreNoneAreRefused) {
  for (const char* jobs : {"0", "-1", "65", "two", "1.5", "", "9223372036854775808"}) {
    const CommandOutput run = world_.run({"run", "e.toml", "--jobs", jobs});
    EXPECT_EQ(run.code, 2) << jobs;
    EXPECT_THAT(run.err, StartsWith("--jobs: '" + std::string(jobs) +
                                    "' is not a whole number from 1 to 64\n"));
  }
  for (const char* debug : {"--debug", "--gdb"}) {
    const CommandOutput run = world_.run({"run", "e.toml", "--jobs", "2", debug});
    EXPECT_EQ(run.code, 2);
    EXPECT_THAT(run.err, HasSubstr("leave --jobs out"));
  }
  EXPECT_FALSE(fs::exists(world_ / "results.db"));
}

TEST_F(Jobs, StatusesToRetryAreCheckedAndChooseWhatRunsAgain) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--retry-status", "OK"},
                                                {"--retry-status", "CRASHED,BROKEN"},
                                                {"--retry-now", "NAN=1"},
                                                {"--retry-now", "CRASHED"}}) {
    std::vector<std::string> line = {"run"};
    line.insert(line.end(), words.begin(), words.end());
    line.emplace_back("e.toml");
    const CommandOutput run = world_.run(line);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_THAT(run.err, AllOf(HasSubstr(words[0]), HasSubstr("CRASHED")));
  }
  world_.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\nends = \"error\"\n",
                                         "[[suite]]\nid = \"letters-ppl\"\n"));
  EXPECT_EQ(world_.run({"run", "e.toml"}).code, 3);
  EXPECT_EQ(world_.run({"run", "--retry-status", "OOM,TIMEOUT", "e.toml"}).code, 3);
  EXPECT_EQ(count("attempt"), 2);
  EXPECT_EQ(world_.run({"run", "--retry-status", "CRASHED,OOM", "e.toml"}).code, 3);
  EXPECT_EQ(count("attempt"), 3);
}

}  // namespace
}  // namespace assay
