#include "harness/base/hash_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;

class HashCache : public testing::Test {
 protected:
  HashCache() {
    fs::create_directories(home_);
    ::setenv("ASSAY_HOME", home_.c_str(), 1);
  }
  ~HashCache() override {
    ::unsetenv("ASSAY_HOME");
    fs::remove_all(home_);
  }
  [[nodiscard]] fs::path entry() const {
    return home_ / "hashes" / "sha256" / (file_identity(path_).place() + ".json");
  }
  /// Remembered values are for files whose stamps are older than the clock's granularity.
  void write_long_ago(const std::string& content) const {
    std::ofstream(path_) << content;
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  }
  /// As `touch -r`, and as tools do that copy with times.
  void set_mtime(std::int64_t mtime_ns) const {
    const timespec time{.tv_sec = mtime_ns / kSecond, .tv_nsec = mtime_ns % kSecond};
    const std::array<timespec, 2> times = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times.data(), 0), 0);
  }

  fs::path home_ = fs::temp_directory_path() / ("assay-test-" + new_uuid());
  fs::path path_ = home_ / "file";
};

TEST_F(HashCache, RemembersWhatDidNotChange) {
  write_long_ago("one");
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
  Json document = read_json_file(entry());
  document["value"] = "what is remembered";
  document["check"] = json_hash({{"file", document["file"]}, {"value", document["value"]}});
  write_file_atomically(entry(), document.dump());
  EXPECT_EQ(cached_file_hash(path_), "what is remembered");
  document["value"] = "what rotted";
  write_file_atomically(entry(), document.dump());
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
  write_file_atomically(entry(), "{");
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
}

TEST_F(HashCache, NoticesAFileOfEqualSizeAndTime) {
  write_long_ago("one");
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
  const FileIdentity before = file_identity(path_);
  std::ofstream(path_) << "two";
  set_mtime(before.mtime_ns);
  const FileIdentity after = file_identity(path_);
  EXPECT_EQ(after.inode, before.inode);
  EXPECT_EQ(after.size, before.size);
  EXPECT_EQ(after.mtime_ns, before.mtime_ns);
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("two"));
}

TEST_F(HashCache, RemembersNothingOfAFileThatMayChangeWithoutATrace) {
  std::ofstream(path_) << "one";
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
  EXPECT_FALSE(fs::exists(entry()));
}

TEST_F(HashCache, FollowsALinkToTheContent) {
  std::ofstream(home_ / "blob-1") << "one";
  std::ofstream(home_ / "blob-2") << "two";
  fs::create_symlink("blob-1", path_);
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("one"));
  fs::remove(path_);
  fs::create_symlink("blob-2", path_);
  EXPECT_EQ(cached_file_hash(path_), sha256_hex("two"));
}

TEST_F(HashCache, ReadsAgainWhatChangedMeanwhile) {
  std::ofstream(path_) << "one";
  FileIdentity identity = file_identity(path_);
  int changes = 1, readings = 0;
  const auto identify = [&] { return identity; };
  const auto compute = [&] {
    if (changes-- > 0) ++identity.ctime_ns;
    return Json(++readings);
  };
  EXPECT_EQ(remembered_of_file("test", "file", identify, compute), Json(2));
  changes = 100;
  EXPECT_THROW(remembered_of_file("test", "file", identify, compute), MachineError);
}

TEST(FileIdentity, IsSettledWhenNoLaterChangeHasItsStamp) {
  const std::int64_t now = 1'000 * kSecond;
  FileIdentity identity;
  identity.mtime_ns = identity.ctime_ns = now - 3 * kSecond;
  EXPECT_TRUE(identity.settled(now));
  identity.ctime_ns = now - kSecond;
  EXPECT_FALSE(identity.settled(now));
  identity.ctime_ns = now + 3 * kSecond;  // the clock was set back
  EXPECT_FALSE(identity.settled(now));
  identity.ctime_ns = now - 3 * kSecond;
  identity.mtime_ns = now - kSecond;
  EXPECT_FALSE(identity.settled(now));
  identity.mtime_ns = now + 3 * kSecond;  // set by somebody; ctime tells
  EXPECT_TRUE(identity.settled(now));
}

}  // namespace
}  // namespace assay
