// Who is at a cell: runs that live, runs that are gone.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/files.h"
#include "harness/store/presence.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ClaimsTest : public ::testing::Test {
 protected:
  Begun ask(Store& store, const std::vector<std::string>& keys) const {
    return store.begin_attempts(experiment_, "s", {}, [&] { return keys; });
  }
  /// Of the programs that use the database.
  [[nodiscard]] std::vector<fs::path> signs() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().filename().string().starts_with("r.db.run-")) found.push_back(entry.path());
    }
    return found;
  }
  void run_sql(const std::string& sql) const {
    SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec(sql);
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "r.db";
  Store one_ = Store::open(file_), other_ = Store::open(file_);
  PlannedCell a_ = make_cell(0, "dense", "ppl"), b_ = make_cell(1, "wanda", "ppl", &a_);
  std::int64_t experiment_ = one_.add_experiment("e", {{"name", "e"}}, 0, false, {a_, b_});
};

TEST_F(ClaimsTest, ACellIsOnesUntilItIsFinished) {
  const Begun mine = ask(one_, {a_.key});
  ASSERT_THAT(mine.attempts, SizeIs(1));
  const Begun refused = ask(other_, {a_.key});
  EXPECT_THAT(refused.attempts, IsEmpty());
  EXPECT_THAT(refused.busy, HasSubstr("process " + std::to_string(::getpid())));
  one_.finish_attempt(mine.attempts.front(), {});
  EXPECT_THAT(ask(other_, {a_.key}).attempts, SizeIs(1));
}

TEST_F(ClaimsTest, OfSeveralCellsAllAreTakenOrNone) {
  ASSERT_THAT(ask(one_, {b_.key}).attempts, SizeIs(1));
  EXPECT_THAT(ask(other_, {a_.key, b_.key}).attempts, IsEmpty());
  EXPECT_THAT(ask(one_, {a_.key}).attempts, SizeIs(1)) << "nothing was kept of the refused ones";
}

TEST_F(ClaimsTest, WhatIsReadWhileChoosingStillHoldsAfterwards) {
  const Begun mine = ask(one_, {a_.key});
  one_.finish_attempt(mine.attempts.front(), {});
  const Begun none = other_.begin_attempts(experiment_, "s", {}, [&] {
    return other_.final_outcome(a_.key) ? std::vector<std::string>{} : std::vector{a_.key};
  });
  EXPECT_THAT(none.attempts, IsEmpty());
  EXPECT_THAT(none.busy, IsEmpty());
}

TEST_F(ClaimsTest, NeitherProcessNumberNorBootDecideWhoLives) {
  const Begun mine = ask(one_, {a_.key});
  // As the row of a run looks that is in another container.
  run_sql("UPDATE attempt SET owner_pid = 1, owner_started = '0'");
  EXPECT_EQ(other_.close_stale_attempts(), 0);
  EXPECT_THAT(ask(other_, {a_.key}).busy, HasSubstr("process 1, since"));
  one_.finish_attempt(mine.attempts.front(), {});
}

TEST_F(ClaimsTest, AKilledRunLosesItsCellsAtOnce) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Store store = Store::open(file_);
    (void)ask(store, {a_.key});
    (void)!::write(ready[1], "x", 1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(ask(one_, {a_.key}).attempts, IsEmpty());
  ::kill(child, SIGSTOP);  // stopped is not dead
  EXPECT_THAT(ask(one_, {a_.key}).attempts, IsEmpty());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(ask(one_, {a_.key}).attempts, SizeIs(1));
  EXPECT_EQ(one_.final_outcome(a_.key)->code, "parent_gone");
  EXPECT_THAT(signs(), SizeIs(2));
  EXPECT_EQ(one_.close_stale_attempts(), 0);
  EXPECT_THAT(signs(), SizeIs(1)) << "what the dead run left is removed";
}

TEST_F(ClaimsTest, WhoLostItsSignOfLifeNoticesAndCanGoOn) {
  const Begun mine = ask(one_, {a_.key});
  for (const fs::path& sign : signs()) fs::remove(sign);
  EXPECT_EQ(other_.close_stale_attempts(), 1);
  EXPECT_THROW(one_.add_process(mine.attempts.front(), make_process("score"),
                                reply_with("token_ppl", 1), test_metrics()),
               AttemptLost);
  EXPECT_THROW(one_.finish_attempt(mine.attempts.front(), {}), AttemptLost);
  EXPECT_THAT(ask(one_, {a_.key}).attempts, SizeIs(1));
  EXPECT_EQ(other_.close_stale_attempts(), 0) << "it has a sign again";
}

TEST_F(ClaimsTest, AnAttemptOfAnEarlierBootSaysSo) {
  (void)ask(one_, {a_.key});
  run_sql("UPDATE attempt SET owner = NULL, owner_boot_id = 'an earlier boot'");
  EXPECT_EQ(other_.close_stale_attempts(), 1);
  EXPECT_EQ(other_.final_outcome(a_.key)->code, "reboot");
}

TEST_F(ClaimsTest, ANameOutOfAStrangersDatabaseIsNoPath) {
  const fs::path elsewhere = folder_.path() / "elsewhere";
  write_file_atomically(elsewhere, "");
  EXPECT_FALSE(run_is_alive(file_, "x/../../" + elsewhere.filename().string()));
  (void)ask(one_, {a_.key});
  run_sql("UPDATE attempt SET owner = '../../../etc/passwd'");
  EXPECT_EQ(other_.close_stale_attempts(), 1);
}

TEST_F(ClaimsTest, SignsGoWithTheRun) {
  {
    Store third = Store::open(file_);
    (void)ask(third, {a_.key});
    EXPECT_THAT(signs(), SizeIs(1));
  }
  EXPECT_THAT(signs(), IsEmpty());
}

TEST_F(ClaimsTest, TheSameFileByAnotherLinkIsTheSameDatabase) {
  fs::create_directories(folder_.path() / "links");
  fs::create_symlink(file_, folder_.path() / "links" / "alias.db");
  (void)ask(one_, {a_.key});
  Store alias = Store::open(folder_.path() / "links" / "alias.db");
  EXPECT_THAT(ask(alias, {a_.key}).attempts, IsEmpty());
}

TEST_F(ClaimsTest, TimesOfAnotherMachineDoNotSettleACellAndScoresDo) {
  one_.use_machine("first", "First, 2 cores");
  run_cell(one_, experiment_, a_, "s", "score", reply_with("token_ppl", 17));
  run_cell(one_, experiment_, b_, "s", "time", reply_with("decode/token_latency", 2));
  EXPECT_TRUE(one_.final_outcome(b_.key));
  EXPECT_TRUE(other_.final_outcome(b_.key)) << "without a machine in use all count";

  other_.use_machine("second", "Second, 64 cores");
  EXPECT_TRUE(other_.final_outcome(a_.key));
  EXPECT_FALSE(other_.final_outcome(b_.key));
  EXPECT_TRUE(other_.timed_elsewhere(b_.key));
  run_cell(other_, experiment_, b_, "t", "time", reply_with("decode/token_latency", 1));
  EXPECT_TRUE(other_.final_outcome(b_.key));
  EXPECT_FALSE(one_.final_outcome(b_.key)) << "the newest speaks for a cell";
  EXPECT_FALSE(one_.timed_elsewhere(a_.key));
}

TEST_F(ClaimsTest, AMachineHasAnotherNameInEachFile) {
  Store elsewhere = Store::open(folder_.path() / "s.db");
  const std::int64_t plan = elsewhere.add_experiment("e", {{"name", "e"}}, 0, false, {a_});
  for (Store* store : {&one_, &elsewhere}) store->use_machine("first", "First, 2 cores");
  run_cell(one_, experiment_, a_, "s", "score", reply_with("token_ppl", 17));
  run_cell(elsewhere, plan, a_, "s", "score", reply_with("token_ppl", 17));
  const auto here = one_.machines(), there = elsewhere.machines();
  ASSERT_THAT(here, SizeIs(1));
  EXPECT_EQ(here.begin()->second, "First, 2 cores");
  EXPECT_NE(here.begin()->first, there.begin()->first);
  EXPECT_EQ(one_.results("e").front().machine, here.begin()->first);
}

}  // namespace
}  // namespace assay
