// Files that are damaged, full or no files: a clear message, nothing lost, no crash.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <random>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/store/database_check.h"
#include "harness/store/exchange.h"
#include "harness/store/maintenance.h"
#include "harness/store/records.h"
#include "harness/store/report_records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FaultTest : public testing::Test {
 protected:
  /// Some attempts of every kind, all of it in the file itself.
  void fill() const {
    Store store = Store::open(file_);
    const PlannedCell dense = make_cell(0, "dense", "text");
    const PlannedCell timed = make_cell(1, "wanda", "decode", &dense);
    const auto experiment = store.add_experiment("e", {{"title", "t"}}, 0, false, {dense, timed});
    WorkerReply score = reply_with("token_ppl", 20);
    for (int i = 0; i < 50; ++i) {
      ItemScore item;
      item.item = i;
      item.item_hash = "h" + std::to_string(i);
      item.nll = 3.5 + i;
      score.items.push_back(item);
    }
    score.events = {{"warning", "said", "something"}};
    run_cell(store, experiment, dense, "s", "score", score);
    WorkerReply times = reply_with("decode/token_latency", 1);
    for (int i = 0; i < 200; ++i) {
      times.samples.push_back({"decode/token_latency", i, 0.5 + i, i < 3});
    }
    run_cell(store, experiment, timed, "s", "time", times);
  }
  /// Everything that reports and comparisons read.
  void read_all() const {
    const Store store = Store::open_read_only(file_);
    for (const std::string& name : store.experiments()) {
      (void)store.results(name);
      (void)store.cell_records(name);
      (void)store.twin_records(name);
      (void)store.timed_series(name);
      (void)store.process_totals(name);
      (void)store.origins(name);
      (void)store.remarks(name);
      (void)store.environments(name);
      (void)store.experiment_config(name);
      (void)store.harness_overhead(name);
    }
    (void)store.history("token_ppl");
    (void)store.process_spans();
    (void)store.measured_keys("wanda", "decode");
    require_whole(file_, "");
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "r.db";
};

/// True when `work` said what is wrong; false when all was fine. Anything else fails the test.
template <typename Work>
bool refused(const Work& work, const std::string& file, const std::string& context) {
  try {
    work();
    return false;
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(file)) << context;
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr(file)) << context;
  } catch (const std::exception& error) {
    ADD_FAILURE() << context << ": " << error.what();
  }
  return true;
}

TEST_F(FaultTest, FlippedBytesAreSaidAndNeverCrash) {
  fill();
  const std::string whole = read_text_file(file_);
  std::mt19937 random(20);
  int seen = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    const int flips = 1 + round % 3;
    std::string context = "round " + std::to_string(round);
    for (int i = 0; i < flips; ++i) {
      const std::size_t at = random() % bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
      context += " " + std::to_string(at);
    }
    for (const char* side : {"-wal", "-shm"}) fs::remove(file_.string() + side);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    bool found = false;
    const bool threw =
        refused([&] { found = !check_database(file_).findings.empty(); }, file_, context);
    (void)refused([&] { read_all(); }, file_, context);
    (void)refused([&] { (void)prune_database(file_, {.dry_run = true}); }, file_, context);
    (void)refused([&] { export_lines(file_, "", [](const Json&) {}); }, file_, context);
    seen += found || threw ? 1 : 0;
  }
  EXPECT_GT(seen, 25) << "flips in free space are nobody's business, those in rows are seen";
}

TEST_F(FaultTest, EveryByteOfASampleIsSeen) {
  fill();
  const std::string whole = read_text_file(file_);
  // 130.5 as SQLite stores it: big-endian.
  const std::string value("\x40\x60\x50\x00\x00\x00\x00\x00", 8);
  const std::size_t at = whole.find(value);
  ASSERT_NE(at, std::string::npos);
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string bytes = whole;
    bytes[at + i] = static_cast<char>(bytes[at + i] ^ 4);
    for (const char* side : {"-wal", "-shm"}) fs::remove(file_.string() + side);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_FALSE(check_database(file_).findings.empty()) << i;
    EXPECT_THROW(read_all(), UserError) << i;
  }
}

TEST_F(FaultTest, CutOffFilesAreSaid) {
  fill();
  const std::string whole = read_text_file(file_);
  for (std::size_t size = 1; size < whole.size(); size += whole.size() / 23) {
    for (const char* side : {"-wal", "-shm"}) fs::remove(file_.string() + side);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    const std::string context = std::to_string(size) + " bytes";
    EXPECT_TRUE(refused([&] { read_all(); }, file_, context)) << context;
    bool found = false;
    const bool threw =
        refused([&] { found = !check_database(file_).findings.empty(); }, file_, context);
    EXPECT_TRUE(found || threw) << context;
  }
}

TEST_F(FaultTest, PipesAndSocketsAreRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THROW(Store::open(file_), UserError);
  EXPECT_THROW(Store::open_read_only(file_), UserError);
  EXPECT_THROW(check_database(file_), UserError);
  fs::create_symlink(file_, folder_.path() / "link.db");
  EXPECT_THROW(Store::open_read_only(folder_.path() / "link.db"), UserError);
  const fs::path place = folder_.path() / "socket";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  place.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_THROW(Store::open_read_only(place), UserError);
  ::close(listener);
}

TEST_F(FaultTest, AFullDiskKeepsWhatWasFinished) {
  fill();
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    int code = 1;
    try {
      Store store = Store::open(file_);
      const PlannedCell cell = make_cell(0, "dense", "text");
      const auto experiment = store.add_experiment("big", {{"title", "b"}}, 0, false, {cell});
      const rlimit small{300000, 300000};
      ::setrlimit(RLIMIT_FSIZE, &small);
      WorkerReply reply;
      for (int i = 0; i < 100000; ++i) {
        reply.samples.push_back({"decode/token_latency", i, 0.5, false});
      }
      run_cell(store, experiment, cell, "s", "time", reply);
    } catch (const MachineError& error) {
      code = std::string(error.what()).find(file_.string()) == std::string::npos ? 2 : 0;
    } catch (const std::exception&) {
      code = 3;
    }
    ::_exit(code);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(check_database(file_).findings.empty());
  EXPECT_EQ(check_database(file_).held, 2);
}

}  // namespace
}  // namespace assay
