// Databases that would not last, or go away while they are in use.

#include "harness/store/place.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PlaceTest : public ::testing::Test {
 protected:
  std::string error_of_write() {
    try {
      store_.set_fingerprint("s", {{2.0}});
    } catch (const MachineError& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  static double fingerprint_in(const fs::path& file) {
    return Store::open_read_only(file).fingerprint("s")->values.front();
  }
  [[nodiscard]] std::vector<fs::path> rescued() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().string().find(".rescued-") != std::string::npos) {
        found.push_back(entry.path());
      }
    }
    return found;
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "r.db";
  Store store_ = Store::open(file_);
};

TEST_F(PlaceTest, NamesThatAreNoFilesAreRefusedByAll) {
  for (const char* name : {"", ":memory:", ":anything", "file:r.db", "file::memory:?cache=shared",
                           "file:r.db?mode=memory", "/dev/null", "/dev/full", "/tmp"}) {
    EXPECT_THROW((void)Store::open(name), UserError) << name;
    EXPECT_THROW((void)Store::open_read_only(name), UserError) << name;
  }
  const fs::path link = folder_.path() / "link.db";
  fs::create_symlink("/dev/null", link);
  EXPECT_THROW((void)Store::open(link), UserError);
}

TEST_F(PlaceTest, AColonInsideOfAFolderIsJustAName) {
  (void)Store::open(folder_.path() / ":memory:");
  EXPECT_TRUE(fs::exists(folder_.path() / ":memory:"));
}

TEST_F(PlaceTest, AMovedFileIsNoticedAtTheNextWrite) {
  store_.set_fingerprint("s", {{1.0}});
  const fs::path there = folder_.path() / "there.db";
  fs::rename(file_, there);
  EXPECT_THAT(error_of_write(), AllOf(HasSubstr(file_.string() + ": the database was moved to"),
                                      HasSubstr(there.string())));
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_EQ(fingerprint_in(there), 1.0) << "its rows were still in the log at the old place";
}

TEST_F(PlaceTest, ARemovedFileIsSavedUnderAnotherName) {
  store_.set_fingerprint("s", {{1.0}});
  fs::remove(file_);
  EXPECT_THAT(error_of_write(), HasSubstr("was removed or replaced"));
  ASSERT_EQ(rescued().size(), 1U);
  EXPECT_EQ(fingerprint_in(rescued().front()), 1.0);
  EXPECT_EQ(fs::file_size(file_.string() + "-wal"), 0U) << "a log for the next file of this name";
}

TEST_F(PlaceTest, AReplacedFileIsLeftAlone) {
  store_.set_fingerprint("s", {{1.0}});
  write_file_atomically(file_, "something else");
  EXPECT_THAT(error_of_write(), HasSubstr("was removed or replaced"));
  EXPECT_EQ(read_text_file(file_), "something else");
  ASSERT_EQ(rescued().size(), 1U);
  EXPECT_EQ(fingerprint_in(rescued().front()), 1.0);
}

TEST_F(PlaceTest, AnotherLinkWithTheSameNameIsNoticed) {
  fs::create_symlink(file_, folder_.path() / "alias.db");
  Store alias = Store::open(folder_.path() / "alias.db");
  fs::remove(folder_.path() / "alias.db");
  (void)Store::open(folder_.path() / "second.db");
  fs::create_symlink(folder_.path() / "second.db", folder_.path() / "alias.db");
  EXPECT_THROW(alias.set_fingerprint("s", {{1.0}}), MachineError);
}

TEST_F(PlaceTest, ARemovedFolderSavesTheRowsElsewhere) {
  fs::create_directories(folder_.path() / "deep");
  Store store = Store::open(folder_.path() / "deep" / "r.db");
  store.set_fingerprint("s", {{3.0}});
  fs::remove_all(folder_.path() / "deep");
  try {
    store.set_fingerprint("s", {{4.0}});
    FAIL();
  } catch (const MachineError& error) {
    const std::string text = error.what();
    const std::size_t from = text.find("is saved in ") + 12;
    const fs::path copy = text.substr(from, text.find(". Give") - from);
    EXPECT_EQ(fingerprint_in(copy), 3.0) << text;
    fs::remove(copy);
  }
}

TEST_F(PlaceTest, LocalDisksAreNotTakenForSharedOnes) {
  EXPECT_EQ(shared_file_system("/proc/x"), "");
  EXPECT_EQ(shared_file_system(folder_.path() / "r.db"), "");
}

}  // namespace
}  // namespace assay
